import fc from 'fast-check';
import type { Command } from '../../src/presence/command.ts';
import { ACTIVITIES, type Binding, CLIENT_KINDS, PRESENCE_STATUSES } from '../../src/presence/record.ts';
import type { Rules } from '../../src/presence/rules.ts';
import type { Millis } from '../../src/presence/time.ts';
import type { World } from './presence-world.ts';

/** Spans of a few milliseconds, so that a run of random waits crosses all of them, in every order of lengths. */
export const SMALL_RULES: readonly Rules[] = [
  { leaseMs: 30, graceMs: 8, awayAfterMs: 20 },
  { leaseMs: 12, graceMs: 5, awayAfterMs: 40 },
  { leaseMs: 20, graceMs: 30, awayAfterMs: 20 },
];

export const SESSION_IDS = ['a', 'b', 'c'] as const;
export const SOURCES = ['user', 'calendar'] as const;
/** The one who is hidden from; one who may be; one who never is. */
export const VIEWERS = ['v', '__proto__', 'anyone'] as const;

/** Something that happens `wait` milliseconds after what came before; the times in `command` count from then, too. */
export interface Step {
  readonly wait: Millis;
  readonly command: Command;
}

export interface Event {
  readonly at: Millis;
  readonly command: Command;
}

/** What the user may not do, so that a stretch of steps keeps them hidden. */
export interface StepLimits {
  readonly neverVisible?: boolean;
  readonly neverShowTo?: string;
}

const binding: fc.Arbitrary<Binding> = fc.record({
  node: fc.constantFrom('n1', 'n2'),
  connection: fc.constantFrom('c1', 'c2'),
});
const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(value, { nil: null });
const span: fc.Arbitrary<Millis | null> = maybe(fc.integer({ min: 1, max: 40 }));
const some = (viewers: readonly string[]): fc.Arbitrary<string[]> => fc.subarray([...viewers], { maxLength: 1 });

const heartbeats: fc.Arbitrary<Command> = fc.record({
  type: fc.constant('heartbeat'),
  sessionId: fc.constantFrom(...SESSION_IDS),
  client: fc.constantFrom(...CLIENT_KINDS),
  activity: fc.constantFrom(...ACTIVITIES),
  binding: maybe(binding),
});

const reasserts: fc.Arbitrary<Command> = fc.record({
  type: fc.constant('reassert'),
  session: fc.record({
    id: fc.constantFrom(...SESSION_IDS),
    client: fc.constantFrom(...CLIENT_KINDS),
    activity: fc.constantFrom(...ACTIVITIES),
    lastActiveAt: fc.integer({ min: -40, max: 0 }),
    expiresAt: fc.constant(null),
    binding: maybe(binding),
  }),
  binding,
});

const losses: fc.Arbitrary<Command> = fc.oneof(
  fc.record({ type: fc.constant('disconnect'), binding }),
  fc.record({
    type: fc.constant('nodeLost'),
    node: fc.constantFrom('n1', 'n2'),
    renewedAt: fc.integer({ min: -35, max: 0 }),
  }),
  fc.record({ type: fc.constant('endSession'), sessionId: fc.constantFrom(...SESSION_IDS) }),
);

const overrides: fc.Arbitrary<Command> = fc.oneof(
  fc.record({
    type: fc.constant('setOverride'),
    source: fc.constantFrom(...SOURCES),
    status: fc.constantFrom(...PRESENCE_STATUSES),
    priority: fc.integer({ min: 0, max: 1 }),
    expiresAt: span,
  }),
  fc.record({ type: fc.constant('clearOverride'), source: fc.constantFrom(...SOURCES) }),
);

const customStatuses: fc.Arbitrary<Command> = fc.record({
  type: fc.constant('setCustomStatus'),
  text: fc.constantFrom(null, 'lunch', 'sea'),
  emoji: fc.constantFrom(null, 'x'),
  expiresAt: span,
});

function visibilities({ neverVisible, neverShowTo }: StepLimits): fc.Arbitrary<Command> {
  return fc.record({
    type: fc.constant('setVisibility'),
    invisible: neverVisible ? fc.constantFrom(null, true) : fc.constantFrom(null, true, false),
    hideFrom: some(['v', '__proto__']),
    showTo: some(['v', '__proto__', 'stranger'].filter((viewer) => viewer !== neverShowTo)),
  });
}

/** Anything that can happen, close together: often in the same millisecond, sometimes after all has run out. */
export function steps(maxLength: number, limits: StepLimits = {}): fc.Arbitrary<Step[]> {
  const wait = fc.oneof(
    { weight: 3, arbitrary: fc.constant(0) },
    { weight: 6, arbitrary: fc.integer({ min: 1, max: 9 }) },
    { weight: 1, arbitrary: fc.integer({ min: 10, max: 50 }) },
  );
  const command = fc.oneof(
    { weight: 8, arbitrary: heartbeats },
    { weight: 2, arbitrary: reasserts },
    { weight: 4, arbitrary: losses },
    { weight: 3, arbitrary: overrides },
    { weight: 2, arbitrary: customStatuses },
    { weight: 4, arbitrary: visibilities(limits) },
  );
  return fc.array(fc.record({ wait, command }), { maxLength });
}

export const rules: fc.Arbitrary<Rules> = fc.constantFrom(...SMALL_RULES);

/** The steps at their absolute times, the first wait beginning at `start`. */
export function schedule(given: readonly Step[], start: Millis): Event[] {
  let at = start;
  return given.map(({ wait, command }) => {
    at += wait;
    return { at, command: countedFrom(at, command) };
  });
}

/** `command` with times that count from 0 moved to `now`. */
export function countedFrom(now: Millis, command: Command): Command {
  switch (command.type) {
    case 'reassert':
      return { ...command, session: { ...command.session, lastActiveAt: now + command.session.lastActiveAt } };
    case 'nodeLost':
      return { ...command, renewedAt: now + command.renewedAt };
    case 'setOverride':
    case 'setCustomStatus':
      return { ...command, expiresAt: command.expiresAt === null ? null : now + command.expiresAt };
    default:
      return command;
  }
}

/** Plays `events` in a world whose sweeper is never late; `look` is called after every commit that could be seen. */
export function play(world: World, events: readonly Event[], look: (at: Millis) => void = () => {}): void {
  for (const { at, command } of events) {
    world.sweep(at, look);
    world.apply(command, at);
    look(at);
  }
}
