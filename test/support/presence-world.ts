import { isDeepStrictEqual } from 'node:util';
import type { Command } from '../../src/presence/command.ts';
import { type Audience, EMPTY_RECORD, type PresenceRecord, stamp, type View, view } from '../../src/presence/record.ts';
import type { Rules } from '../../src/presence/rules.ts';
import type { Millis } from '../../src/presence/time.ts';
import { type Transition, transition } from '../../src/presence/transition.ts';

/** The default settings of the service. */
export const RULES: Rules = { leaseMs: 40_000, graceMs: 10_000, awayAfterMs: 300_000 };

/** When worlds begin. */
export const START: Millis = 1_000_000;

/** One user's record as a store keeps it: what changed is committed under the next revision. */
export class World {
  readonly rules: Rules;
  record: PresenceRecord = EMPTY_RECORD;
  wakeAt: Millis | null = null;

  constructor(rules: Rules = RULES) {
    this.rules = rules;
  }

  /** Applies `command` at `now` and commits when the store's clock says `storeNow`. */
  apply(command: Command, now: Millis, storeNow: Millis = now): Transition {
    const result = transition(this.record, command, now, this.rules);
    if (result.record !== this.record) {
      this.record = stamp(result.record, Math.max(this.record.rev + 1, storeNow * 1000));
    }
    this.wakeAt = result.wakeAt;
    return { ...result, record: this.record };
  }

  /** Sweeps at every deadline up to `until`, each at its own moment, as a sweeper that is never late. */
  sweep(until: Millis, swept: (at: Millis) => void = () => {}): void {
    while (this.wakeAt !== null && this.wakeAt <= until) {
      const at = this.wakeAt;
      this.apply({ type: 'tick' }, at);
      if (this.wakeAt !== null && this.wakeAt <= at) throw new Error(`Still due at ${at} after a sweep.`);
      swept(at);
    }
  }

  /** What `viewer` is shown by the record as it stands. */
  sees(viewer: string): View {
    return view(this.record, viewer);
  }

  /** What `viewer` is shown at `now`, the sweeper being in time. */
  seesAt(viewer: string, now: Millis): View {
    this.sweep(now);
    return this.sees(viewer);
  }
}

/** A view without its revision. */
export type Shown = Omit<View, 'rev'>;

export function shown({ rev: _, ...contents }: View): Shown {
  return contents;
}

/**
 * A record without revisions, and without viewers who are kept apart for nothing but their view's revision: what must
 * not depend on when anybody looked.
 */
export function unrevised({ rev: _, chosen: __, everyone, apart, ...rest }: PresenceRecord): unknown {
  const plain = (audience: Audience): unknown => ({ ...audience, view: shown(audience.view) });
  const same = (audience: Audience): boolean =>
    !audience.hidden && isDeepStrictEqual(plain(audience), plain({ ...everyone, hidden: false }));
  const differing = Object.entries(apart).filter(([, audience]) => !same(audience));
  return {
    ...rest,
    everyone: plain(everyone),
    apart: differing.map(([viewer, audience]) => [viewer, plain(audience)]),
  };
}
