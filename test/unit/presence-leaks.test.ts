import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Command } from '../../src/presence/command.ts';
import type { PresenceRecord } from '../../src/presence/record.ts';
import type { Rules } from '../../src/presence/rules.ts';
import type { Millis } from '../../src/presence/time.ts';
import {
  type Event,
  play,
  rules,
  SESSION_IDS,
  SOURCES,
  type Step,
  type StepLimits,
  schedule,
  steps,
  VIEWERS,
} from '../support/presence-arbitraries.ts';
import {
  clearOverride,
  customStatus,
  endSession,
  hideFrom,
  INVISIBLE,
  NOT_INVISIBLE,
  override,
  showTo,
  TICK,
  visibility,
} from '../support/presence-commands.ts';
import { secretTimes } from '../support/presence-oracle.ts';
import { type Shown, START, shown, World } from '../support/presence-world.ts';

const RUNS = { seed: 20261123, numRuns: 250 };

/** The viewer who must not notice. */
const V = 'v';
/** How long after hiding the user shows again. */
const HIDING: Millis = 120;

interface Hiding {
  readonly name: string;
  readonly hide: readonly Command[];
  readonly reveal: readonly Command[];
  readonly limits: StepLimits;
}

const concealed = override('OFFLINE', { source: 'hide', priority: 9 });
const HIDINGS: readonly Hiding[] = [
  { name: 'invisible', hide: [INVISIBLE], reveal: [NOT_INVISIBLE], limits: { neverVisible: true } },
  { name: 'hidden from', hide: [hideFrom(V)], reveal: [showTo(V)], limits: { neverShowTo: V } },
  { name: 'appearing offline', hide: [concealed], reveal: [clearOverride('hide')], limits: {} },
  {
    name: 'hidden from while invisible',
    hide: [INVISIBLE, hideFrom(V)],
    reveal: [NOT_INVISIBLE, showTo(V)],
    limits: { neverShowTo: V },
  },
  {
    name: 'hidden in every way',
    hide: [hideFrom(V), concealed, INVISIBLE],
    reveal: [showTo(V), NOT_INVISIBLE, clearOverride('hide')],
    limits: { neverVisible: true },
  },
];

/** What a viewer's client can tell: when the view got a new revision, and what it was then. */
interface Sighting {
  readonly at: Millis;
  readonly view: Shown;
}

interface Story {
  readonly rules: Rules;
  readonly before: readonly Step[];
  readonly hiding: Hiding;
  readonly inHiding: readonly [readonly Step[], readonly Step[]];
  readonly afterwards: readonly Step[];
}

const stories: fc.Arbitrary<Story> = fc.constantFrom(...HIDINGS).chain((hiding) => {
  const inHiding = steps(12, hiding.limits);
  return fc.record({
    rules,
    before: steps(12),
    hiding: fc.constant(hiding),
    inHiding: fc.tuple(inHiding, inHiding),
    afterwards: steps(8),
  });
});

/** Everything up to the hiding; the user is not hidden just before it. */
function opening({ before }: Story): Event[] {
  const events = schedule(before, START);
  const at = (events.at(-1)?.at ?? START) + 1;
  const comeOut = [
    visibility({ invisible: false, showTo: VIEWERS }),
    ...SOURCES.map((source) => clearOverride(source)),
  ];
  return [...events, ...comeOut.map((command) => ({ at, command }))];
}

const LEAVE: readonly Command[] = SESSION_IDS.map(endSession);

/** Leaves nothing that the user did in hiding: no session, no override, no custom status, nobody else hidden from. */
const TIDY: readonly Command[] = [
  ...LEAVE,
  ...SOURCES.map((source) => clearOverride(source)),
  customStatus(null),
  visibility({ invisible: false, showTo: VIEWERS }),
];

/** Plays on and writes down each change of V's view, the sweeper never being late. */
function watch(world: World, events: readonly Event[], until: Millis): Sighting[] {
  const sightings: Sighting[] = [];
  let last = world.sees(V);
  const look = (at: Millis): void => {
    const view = world.sees(V);
    if (view.rev !== last.rev) sightings.push({ at, view: shown(view) });
    last = view;
  };
  play(world, events, look);
  world.sweep(until, look);
  return sightings;
}

/** Of several changes in one millisecond only what they come to: how many commands a person needs is no secret. */
function perMillisecond(first: Shown, sightings: readonly Sighting[]): Sighting[] {
  let last = first;
  return sightings.filter(({ at, view }, index) => {
    if (sightings[index + 1]?.at === at) return false;
    const changed = JSON.stringify(view) !== JSON.stringify(last);
    last = view;
    return changed;
  });
}

/** What brings an absent user at once to what `record` says: active sessions first, as the first makes the arrival. */
function asArrival({ overrides, customStatus, sessions }: PresenceRecord): Command[] {
  const byActivity = sessions.toSorted((a, b) => a.activity.localeCompare(b.activity));
  return [
    ...overrides.map((override): Command => ({ type: 'setOverride', ...override })),
    { type: 'setCustomStatus', text: null, emoji: null, expiresAt: null, ...customStatus },
    ...byActivity.map(({ id, ...session }): Command => ({ type: 'heartbeat', sessionId: id, ...session })),
  ];
}

interface Outcome {
  readonly before: Shown;
  readonly whileHidden: readonly Sighting[];
  readonly afterwards: readonly Sighting[];
}

/** Plays the story with `turn` at the moment of hiding and `meanwhile` from then on until the user comes back. */
function tell(story: Story, turn: readonly Command[], meanwhile: readonly Step[], back: readonly Command[]): Outcome {
  const world = new World(story.rules);
  const first = opening(story);
  const hiddenAt = first.at(-1)?.at ?? START;
  const backAt = hiddenAt + HIDING;
  play(world, first);
  const before = shown(world.sees(V));
  const secret = schedule(meanwhile, hiddenAt).filter(({ at }) => at < backAt);
  const turned = turn.map((command) => ({ at: hiddenAt, command }));
  const whileHidden = watch(world, [...turned, ...secret], backAt - 1);
  const returned = back.map((command) => ({ at: backAt, command }));
  const afterwards = watch(world, [...returned, ...schedule(story.afterwards, backAt)], backAt + 300);
  return { before, whileHidden, afterwards };
}

describe('rule 7: hidden is indistinguishable from gone', () => {
  test('whatever the user does in hiding, the viewer sees the same at the same times', () => {
    fc.assert(
      fc.property(stories, (story) => {
        const { hide, reveal } = story.hiding;
        const [one, other] = story.inHiding;
        const inOne = tell(story, hide, one, reveal);
        const inOther = tell(story, hide, other, reveal);
        expect(inOne.whileHidden).toEqual(inOther.whileHidden);
      }),
      RUNS,
    );
  });

  test('the viewer sees just what they would see had the user ended all sessions', () => {
    fc.assert(
      fc.property(stories, (story) => {
        const { hide, reveal } = story.hiding;
        const hidden = tell(story, hide, story.inHiding[0], reveal);
        const gone = tell(story, LEAVE, [], []);
        expect(perMillisecond(hidden.before, hidden.whileHidden)).toEqual(
          perMillisecond(gone.before, gone.whileHidden),
        );
      }),
      RUNS,
    );
  });

  test('when the user shows again, nothing that they did in hiding makes a difference any more', () => {
    fc.assert(
      fc.property(stories, (told) => {
        // A node re-asserts what it holds, and that is no trace of the hiding: whoever ended a session holds it no more.
        const story = { ...told, afterwards: told.afterwards.filter(({ command }) => command.type !== 'reassert') };
        const { hide, reveal } = story.hiding;
        const [one, other] = story.inHiding;
        const inOne = tell(story, hide, one, [...TIDY, ...reveal]);
        const inOther = tell(story, hide, other, [...TIDY, ...reveal]);
        const gone = tell(story, LEAVE, [], TIDY);
        const contents = ({ before, whileHidden, afterwards }: Outcome): Sighting[] =>
          perMillisecond(whileHidden.at(-1)?.view ?? before, afterwards);
        expect(contents(inOne)).toEqual(contents(inOther));
        expect(contents(inOne)).toEqual(contents(gone));
      }),
      RUNS,
    );
  });

  test('coming out of hiding looks just like arriving at that moment', () => {
    fc.assert(
      fc.property(stories, (story) => {
        const first = opening(story);
        const hiddenAt = first.at(-1)?.at ?? START;
        const backAt = hiddenAt + HIDING;
        const at = (now: Millis, commands: readonly Command[]): Event[] =>
          commands.map((command) => ({ at: now, command }));

        const hidden = new World(story.rules);
        const secret = schedule(story.inHiding[0], hiddenAt).filter(({ at }) => at < backAt);
        play(hidden, [...first, ...at(hiddenAt, story.hiding.hide), ...secret, ...at(backAt, story.hiding.reveal)]);
        play(hidden, at(backAt, [visibility({ invisible: false, showTo: VIEWERS })]));

        const gone = new World(story.rules);
        play(gone, [...first, ...at(hiddenAt, LEAVE), ...at(backAt, asArrival(hidden.record))]);
        expect(shown(gone.sees(V))).toEqual(shown(hidden.sees(V)));
      }),
      RUNS,
    );
  });

  test('no time that lies inside a time of hiding is ever shown, not even afterwards', () => {
    fc.assert(
      fc.property(rules, steps(25), (rules, given) => {
        const events = [...schedule(given, START)];
        const end = (events.at(-1)?.at ?? START) + 100;
        events.push({ at: end, command: TICK });
        const world = new World(rules);
        const seen = new Map(VIEWERS.map((viewer) => [viewer, new Set<Millis>()]));
        play(world, events, () => {
          for (const [viewer, times] of seen) {
            const { since, lastActiveAt } = world.sees(viewer);
            for (const time of [since, lastActiveAt]) if (time !== null) times.add(time);
          }
        });
        for (const [viewer, times] of seen) {
          const secret = secretTimes(events, viewer, START);
          expect([...times].filter((time) => secret.has(time))).toEqual([]);
        }
      }),
      { ...RUNS, numRuns: 100 },
    );
  });
});
