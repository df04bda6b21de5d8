import fc from 'fast-check';
import { ACTIVITIES, type Activity, type ClientKind, type PresenceStatus } from '../../src/presence/record.ts';
import type { Millis } from '../../src/presence/time.ts';

/** Hostile to whoever keeps them in plain objects, orders them as numbers or puts them together to keys. */
export const PEOPLE = ['ada', '__proto__', '10', '9', 'x:{p1}'] as const;
export const KINDS: readonly ClientKind[] = ['WEB', 'MOBILE'];

type Index = number;

/** What one person's client asks for. `via` is a number of a node, of those that run. */
export type Ask =
  | { readonly ask: 'beat'; readonly device: Index; readonly activity: Activity; readonly bind: boolean }
  /** Comes back over a new connection. What becomes of the old one: closed first, closed after, or left open unheard of. */
  | { readonly ask: 'roam'; readonly device: Index; readonly leaving: 'first' | 'after' | 'never' }
  | { readonly ask: 'end'; readonly device: Index }
  | {
      readonly ask: 'override';
      readonly source: string;
      readonly status: PresenceStatus | null;
      readonly priority: number;
      readonly forMs: Millis | null;
    }
  | { readonly ask: 'custom'; readonly text: string | null; readonly forMs: Millis | null }
  | {
      readonly ask: 'visibility';
      readonly invisible: boolean | null;
      readonly hideFrom: readonly Index[];
      readonly showTo: readonly Index[];
    }
  | { readonly ask: 'relate'; readonly other: Index; readonly change: 'add' | 'remove' | 'block' | 'unblock' }
  | { readonly ask: 'sync'; readonly friends: readonly Index[] };

export interface Asking {
  readonly user: Index;
  readonly via: Index;
  readonly what: Ask;
}

export type Step =
  /** At once, whether of one person or of several, at one node or at several. */
  | { readonly step: 'ask'; readonly all: readonly Asking[] }
  /** The connection of a device closes. */
  | { readonly step: 'drop'; readonly user: Index; readonly device: Index }
  | {
      readonly step: 'open';
      readonly viewer: Index;
      readonly via: Index;
      readonly only: readonly Index[] | null;
      readonly coalesceMs: Millis;
    }
  | { readonly step: 'openOwn'; readonly viewer: Index; readonly via: Index }
  /** The stream of that number is closed and goes on with its cursor. */
  | { readonly step: 'resume'; readonly stream: Index; readonly via: Index }
  | { readonly step: 'close'; readonly stream: Index }
  | { readonly step: 'stopReading'; readonly stream: Index }
  | { readonly step: 'read'; readonly stream: Index }
  | { readonly step: 'query'; readonly viewer: Index; readonly via: Index }
  | { readonly step: 'pass'; readonly ms: Millis }
  | { readonly step: 'node'; readonly via: Index; readonly event: NodeEvent };

export type NodeEvent = 'kill' | 'start' | 'sleep' | 'cut' | 'heal';

const user = fc.nat(PEOPLE.length - 1);
const via = fc.nat(3);
const device = fc.nat(1);
const stream = fc.nat(5);
const forMs = fc.oneof(fc.constant(null), fc.integer({ min: 300, max: 3_000 }));
const some = fc.subarray([0, 1, 2, 3, 4], { maxLength: 2 });

const signs: fc.Arbitrary<Ask> = fc.oneof(
  {
    weight: 7,
    arbitrary: fc.record({
      ask: fc.constant('beat' as const),
      device,
      activity: fc.constantFrom(...ACTIVITIES),
      bind: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      ask: fc.constant('roam' as const),
      device,
      leaving: fc.constantFrom('first' as const, 'after' as const, 'never' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ ask: fc.constant('end' as const), device }) },
);

const wishes: fc.Arbitrary<Ask> = fc.oneof(
  fc.record({
    ask: fc.constant('override' as const),
    source: fc.constantFrom('user', 'calendar'),
    status: fc.constantFrom(null, 'ONLINE', 'AWAY', 'DO_NOT_DISTURB', 'OFFLINE'),
    priority: fc.integer({ min: 0, max: 1 }),
    forMs,
  }),
  fc.record({ ask: fc.constant('custom' as const), text: fc.constantFrom(null, 'lunch', '"rev":-1'), forMs }),
);

const visibility: fc.Arbitrary<Ask> = fc.record({
  ask: fc.constant('visibility' as const),
  invisible: fc.constantFrom(null, true, false, false),
  hideFrom: some,
  showTo: some,
});

const friendship: fc.Arbitrary<Ask> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      ask: fc.constant('relate' as const),
      other: user,
      change: fc.constantFrom('add', 'add', 'remove', 'block', 'unblock'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ ask: fc.constant('sync' as const), friends: fc.subarray([0, 1, 2, 3, 4]) }) },
);

export const asks: fc.Arbitrary<Ask> = fc.oneof(
  { weight: 10, arbitrary: signs },
  { weight: 4, arbitrary: wishes },
  { weight: 4, arbitrary: visibility },
  { weight: 4, arbitrary: friendship },
);

const asking: fc.Arbitrary<Asking> = fc.record({ user, via, what: asks });

/** The same person at several nodes in the same moment. */
const race: fc.Arbitrary<Asking[]> = fc
  .tuple(user, fc.array(fc.record({ via, what: asks }), { minLength: 2, maxLength: 4 }))
  .map(([user, all]) => all.map((one) => ({ user, ...one })));

/** One thing after the other, faster than it can be told. */
const burst: fc.Arbitrary<Asking[]> = fc
  .tuple(user, fc.array(via, { minLength: 2, maxLength: 6 }))
  .map(([user, vias]) =>
    vias.map((via, index) => ({ user, via, what: { ask: 'custom', text: `text ${index}`, forMs: null } })),
  );

const asked: fc.Arbitrary<Step> = fc
  .oneof(
    { weight: 6, arbitrary: asking.map((one) => [one]) },
    { weight: 3, arbitrary: race },
    { weight: 2, arbitrary: burst },
    { weight: 2, arbitrary: fc.array(asking, { minLength: 2, maxLength: 3 }) },
  )
  .map((all) => ({ step: 'ask', all }));

const watching: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      step: fc.constant('open' as const),
      viewer: user,
      via,
      only: fc.option(some, { nil: null, freq: 3 }),
      coalesceMs: fc.constantFrom(0, 0, 0, 120),
    }),
  },
  { weight: 1, arbitrary: fc.record({ step: fc.constant('openOwn' as const), viewer: user, via }) },
  { weight: 5, arbitrary: fc.record({ step: fc.constant('resume' as const), stream, via }) },
  { weight: 1, arbitrary: fc.record({ step: fc.constant('close' as const), stream }) },
  { weight: 2, arbitrary: fc.record({ step: fc.constant('stopReading' as const), stream }) },
  { weight: 2, arbitrary: fc.record({ step: fc.constant('read' as const), stream }) },
  { weight: 2, arbitrary: fc.record({ step: fc.constant('query' as const), viewer: user, via }) },
);

const upsets = (events: readonly NodeEvent[]): fc.Arbitrary<Step> =>
  fc.record({ step: fc.constant('node' as const), via, event: fc.constantFrom(...events) });

const passing: fc.Arbitrary<Step> = fc
  .oneof(
    { weight: 3, arbitrary: fc.integer({ min: 0, max: 20 }) },
    { weight: 3, arbitrary: fc.integer({ min: 20, max: 500 }) },
    { weight: 2, arbitrary: fc.integer({ min: 500, max: 4_000 }) },
  )
  .map((ms) => ({ step: 'pass', ms }));

export interface StepsOptions {
  readonly events: readonly NodeEvent[];
  /** Whether time passes that deadlines are made of. */
  readonly time: boolean;
  readonly maxLength: number;
}

export function modelSteps({ events, time, maxLength }: StepsOptions): fc.Arbitrary<Step[]> {
  const step = fc.oneof(
    { weight: 10, arbitrary: asked },
    { weight: 1, arbitrary: fc.record({ step: fc.constant('drop' as const), user, device }) },
    { weight: 7, arbitrary: watching },
    ...(events.length > 0 ? [{ weight: 3, arbitrary: upsets(events) }] : []),
    ...(time ? [{ weight: 6, arbitrary: passing }] : []),
  );
  return fc.array(step, { maxLength, size: 'max' });
}

/** The same step with nothing in it that ends by itself. */
export function withoutEnds(step: Step): Step {
  if (step.step !== 'ask') return step;
  return { step: 'ask', all: step.all.map((one) => ({ ...one, what: withoutEnd(one.what) })) };
}

function withoutEnd(what: Ask): Ask {
  return what.ask === 'override' || what.ask === 'custom' ? { ...what, forMs: null } : what;
}
