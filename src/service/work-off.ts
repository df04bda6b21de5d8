import { setImmediate as breathe } from 'node:timers/promises';
import type { UserId } from '../presence/record.ts';

/** How many are read, and dealt with, at once. Between two of the latter there is room for whatever else wants to be done. */
const PAGE = 500;
const AT_ONCE = 64;

/** People who wait to be dealt with, and who are no more among them when they have been. */
export interface Backlog {
  /** `limit` at most of those who wait. May be asked for more each time, where some stay although they were dealt with. */
  read(limit: number): Promise<readonly UserId[]>;
  deal(userId: UserId): Promise<unknown>;
  /** False ends it before the next few. */
  mayGoOn(): boolean;
}

export interface WorkedOff {
  /** With how many it was tried. */
  readonly users: number;
  /** What went wrong, once for each with whom it did. */
  readonly failures: readonly unknown[];
  /** Nobody waits who was not tried. */
  readonly finished: boolean;
}

/** Deals with each of them once, whatever becomes of the others. Rejects only as `read` does. */
export async function workOff(backlog: Backlog): Promise<WorkedOff> {
  const seen = new Set<UserId>();
  const failures: unknown[] = [];
  const outcome = (finished: boolean): WorkedOff => ({ users: seen.size, failures, finished });
  for (let limit = PAGE; ; ) {
    const page = await backlog.read(limit);
    const fresh = page.filter((userId) => !seen.has(userId));
    if (fresh.length === 0 && page.length < limit) return outcome(true);
    for (let from = 0; from < fresh.length; from += AT_ONCE) {
      // What was read may have been long on its way.
      if (!backlog.mayGoOn()) return outcome(false);
      const some = fresh.slice(from, from + AT_ONCE);
      for (const userId of some) seen.add(userId);
      for (const done of await Promise.allSettled(some.map((userId) => backlog.deal(userId)))) {
        if (done.status === 'rejected') failures.push(done.reason);
      }
      // An engine that answers at once would let nothing else happen in between.
      await breathe();
    }
    limit = PAGE + page.length - fresh.length;
  }
}
