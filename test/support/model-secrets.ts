import fc from 'fast-check';
import type { Millis } from '../../src/presence/time.ts';
import { type Ask, asks } from './model-steps.ts';

/** One who looks; one who hides from them; two who do not; one who is no friend; one who ends the friendship. */
export const CAST = ['viewer', 'hidden', 'open', 'other', 'stranger', 'leaver'] as const;
export type Name = (typeof CAST)[number];
const VIEWER = CAST.indexOf('viewer');

/** The node that never breaks, and the one that may. */
const [WHOLE, BREAKING] = [0, 1];

/** How somebody hides from the viewer. */
export type Hiding = 'invisible' | 'from the viewer' | 'appearing offline' | 'both';

export interface Telling {
  readonly by: Name;
  readonly via: number;
  readonly what: Ask;
}

/** What happens in both worlds. */
export type Open =
  | { readonly open: 'tell'; readonly telling: Telling }
  | {
      readonly open: 'watch';
      readonly via: number;
      readonly only: readonly Name[] | null;
      readonly coalesceMs: Millis;
    }
  | { readonly open: 'watchOwn'; readonly via: number }
  | { readonly open: 'resume'; readonly stream: number; readonly via: number }
  | { readonly open: 'query'; readonly via: number; readonly first: number }
  | { readonly open: 'break'; readonly via: number }
  | { readonly open: 'heal'; readonly via: number }
  /** The leaver ends the friendship: by removing the viewer in one world, by blocking them in the other. */
  | { readonly open: 'part' };

export interface Slot {
  readonly open: Open;
  /** What the viewer must not notice: of each world its own. */
  readonly secrets: readonly [readonly Telling[], readonly Telling[]];
  /** A multiple of ten. */
  readonly waitMs: Millis;
}

export interface Story {
  readonly hiding: Hiding;
  readonly before: readonly Slot[];
  readonly after: readonly Slot[];
}

const via = fc.nat(1);

/** Nothing that takes the hiding back, and nothing that concerns the viewer. */
function keepsHidden(hiding: Hiding) {
  return (what: Ask): boolean => {
    switch (what.ask) {
      case 'visibility': {
        const showsToAll = what.invisible === false && (hiding === 'invisible' || hiding === 'both');
        const showsToViewer = what.showTo.includes(VIEWER) && hiding !== 'invisible' && hiding !== 'appearing offline';
        return !showsToAll && !showsToViewer;
      }
      case 'relate':
        return what.other !== VIEWER;
      case 'sync':
        return false;
      default:
        return true;
    }
  };
}

/**
 * `breaking`: where a node is out of reach, whoever is heard by another one has their deadlines kept there, in time; and
 * what is asked of a node that comes back moves its next attempt, for all on it. Neither tells of whom.
 */
function secret(hiding: Hiding, breaking: boolean): fc.Arbitrary<Telling> {
  const isFar = (what: Ask): boolean => (what.ask === 'relate' ? what.other !== VIEWER : what.ask !== 'sync');
  const byHidden = asks.filter(keepsHidden(hiding));
  const byStranger = asks.filter(isFar);
  const at = breaking ? fc.constant(WHOLE) : via;
  const byOther: fc.Arbitrary<Ask> = fc.record({
    ask: fc.constant('visibility' as const),
    invisible: fc.constant(null),
    hideFrom: fc.constantFrom([], [2], [4]),
    showTo: fc.constantFrom([], [2], [4]),
  });
  const by = (name: Name, what: fc.Arbitrary<Ask>): fc.Arbitrary<Telling> =>
    fc.record({ by: fc.constant(name), via: at, what });
  return fc.oneof(
    { weight: 5, arbitrary: by('hidden', byHidden) },
    { weight: 2, arbitrary: by('stranger', byStranger) },
    ...(breaking ? [] : [{ weight: 1, arbitrary: by('other', byOther) }]),
  );
}

const told: fc.Arbitrary<Open> = fc.record({
  open: fc.constant('tell' as const),
  telling: fc.oneof(
    { weight: 4, arbitrary: fc.record({ by: fc.constantFrom<Name>('open', 'other'), via, what: asks }) },
    { weight: 1, arbitrary: fc.record({ by: fc.constant<Name>('viewer'), via, what: asks }) },
  ),
});

const steady: { readonly weight: number; readonly arbitrary: fc.Arbitrary<Open> }[] = [
  { weight: 8, arbitrary: told },
  {
    weight: 3,
    arbitrary: fc.record({
      open: fc.constant('watch' as const),
      via,
      only: fc.option(fc.subarray<Name>(['hidden', 'open', 'stranger', 'leaver']), { nil: null, freq: 3 }),
      coalesceMs: fc.constantFrom(0, 0, 330),
    }),
  },
  { weight: 1, arbitrary: fc.record({ open: fc.constant('watchOwn' as const), via }) },
  { weight: 4, arbitrary: fc.record({ open: fc.constant('resume' as const), stream: fc.nat(3), via }) },
  { weight: 3, arbitrary: fc.record({ open: fc.constant('query' as const), via, first: fc.constantFrom(1, 2, 50) }) },
  { weight: 1, arbitrary: fc.constant({ open: 'part' as const }) },
];
const upset = [
  { weight: 1, arbitrary: fc.record({ open: fc.constant('break' as const), via: fc.constant(BREAKING) }) },
  { weight: 2, arbitrary: fc.record({ open: fc.constant('heal' as const), via: fc.constant(BREAKING) }) },
];

/** The hidden one may do what they like before they hide; in front of the viewer nobody hides in just one world. */
function slots(secrets: fc.Arbitrary<Telling> | null, breaking: boolean, maxLength: number): fc.Arbitrary<Slot[]> {
  const open: fc.Arbitrary<Open> = fc.oneof(...steady, ...(breaking ? upset : []));
  const some = secrets === null ? fc.constant([]) : fc.array(secrets, { maxLength: 3 });
  return fc.array(
    fc.record({
      open:
        secrets === null
          ? fc.oneof(
              open,
              fc.record({
                open: fc.constant('tell' as const),
                telling: fc.record({ by: fc.constant<Name>('hidden'), via, what: asks }),
              }),
            )
          : open,
      secrets: fc.tuple(some, some),
      waitMs: fc.oneof(
        fc.constant(20),
        fc.integer({ min: 2, max: 12 }).map((tens) => tens * 10),
        fc.constant(900),
      ),
    }),
    { maxLength, size: 'max' },
  );
}

const hidings = fc.constantFrom<Hiding>('invisible', 'from the viewer', 'appearing offline', 'both');

export const secretStories: fc.Arbitrary<Story> = fc.tuple(hidings, fc.boolean()).chain(([hiding, breaking]) =>
  fc.record({
    hiding: fc.constant(hiding),
    before: slots(null, breaking, 6),
    after: slots(secret(hiding, breaking), breaking, 14),
  }),
);
