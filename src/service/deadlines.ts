import type { Logger } from '../log.ts';
import { DeadlineQueue } from '../presence/deadline-queue.ts';
import type { UserId } from '../presence/record.ts';
import type { Clock, Millis } from '../presence/time.ts';
import type { PresenceStore } from '../store/port.ts';
import { workOff } from './work-off.ts';

/** How often the store is asked for deadlines that nobody kept, such as a dead node's. */
const SWEEP_EVERY_MS = 1_000;
/** A deadline this much past is nobody's: who committed it would have kept it by now. */
const OVERDUE_MS = 250;
const AT_ONCE = 64;
/** The longest time in which a sweep leaves alone whom it looked at in vain. */
const LONGEST_PAUSE_MS = 60_000;
/** How long to wait before asking again whether a deadline may be kept, where that is not known beforehand. */
const ASK_AGAIN_MS = 100;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** What has been done in vain about somebody who is overdue. */
interface Overdue {
  readonly looks: number;
  /** Left alone until then. */
  readonly until: Millis;
}

export interface DeadlineKeeping {
  /** Whether this node knows enough to take somebody for gone. */
  mayJudge(): boolean;
  /** Brings one user's record up to date. May reject: the sweep will come back to it. */
  fire(userId: UserId): Promise<unknown>;
  /** As `fire`, and makes the store hold the deadline that the record asks for, where it holds another one. */
  reschedule(userId: UserId): Promise<unknown>;
}

/**
 * Keeps deadlines to the millisecond: each node those that it committed itself, and, by a sweep, those that are overdue
 * because their node is gone. However many nodes try, the compare-and-set lets one transition happen.
 */
export class Deadlines {
  readonly #store: PresenceStore;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #keeping: DeadlineKeeping;
  readonly #queue = new DeadlineQueue();
  #timer: NodeJS.Timeout | undefined;
  #timerAt: Millis = Number.POSITIVE_INFINITY;
  #sweepTimer: NodeJS.Timeout | undefined;
  #running = 0;
  #resuming: NodeJS.Immediate | undefined;
  #sweeping = false;
  /** Whom the last sweeps found overdue although they had looked at them. */
  #overdue: ReadonlyMap<UserId, Overdue> = new Map();
  #heldUntil: Millis = 0;
  #sweepFrom: Millis = 0;
  #closed = false;

  constructor(store: PresenceStore, log: Logger, keeping: DeadlineKeeping) {
    this.#store = store;
    this.#clock = store.clock;
    this.#log = log;
    this.#keeping = keeping;
  }

  start(): void {
    this.#sweepTimer = setInterval(() => void this.#sweep(), SWEEP_EVERY_MS).unref();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    clearImmediate(this.#resuming);
    clearInterval(this.#sweepTimer);
  }

  /** The user's record wants to be looked at then; null: no more. */
  note(userId: UserId, at: Millis | null): void {
    this.#queue.set(userId, at);
    if (at !== null && at < this.#timerAt) this.#arm();
  }

  /** No deadline fires before then: whoever could not reach the store gets the time to say that they live. */
  holdUntil(until: Millis): void {
    this.#heldUntil = Math.max(this.#heldUntil, until);
    this.#arm();
  }

  /** The deadlines of others are left alone until then: this node may be the first one to run for a while. */
  sweepFrom(from: Millis): void {
    this.#sweepFrom = Math.max(this.#sweepFrom, from);
  }

  #arm(): void {
    clearTimeout(this.#timer);
    this.#timerAt = Number.POSITIVE_INFINITY;
    const next = this.#queue.first();
    if (!next || this.#closed) return;
    const at = Math.max(next.at, this.#heldUntil, this.#keeping.mayJudge() ? 0 : this.#clock.now() + ASK_AGAIN_MS);
    const wait = Math.min(Math.max(Math.ceil(at - this.#clock.now()), 0), LONGEST_TIMER_MS);
    this.#timerAt = at;
    this.#timer = setTimeout(() => this.#fireDue(), wait).unref();
  }

  #fireDue(): void {
    const now = this.#clock.now();
    while (this.#running < AT_ONCE && now >= this.#heldUntil && this.#keeping.mayJudge()) {
      const next = this.#queue.first();
      if (!next || next.at > now) break;
      this.#queue.set(next.userId, null);
      this.#run(next.userId);
    }
    if (this.#running < AT_ONCE) this.#arm();
  }

  #run(userId: UserId): void {
    this.#running += 1;
    this.#keeping
      .fire(userId)
      .catch((error: unknown) => this.#log.debug({ err: error }, 'a deadline could not be kept now; the sweep will'))
      .finally(() => {
        this.#running -= 1;
        if (this.#closed || this.#resuming) return;
        // After whatever else waits: an engine that answers at once would let nothing happen before the last deadline.
        this.#resuming = setImmediate(() => {
          this.#resuming = undefined;
          this.#fireDue();
        });
      });
  }

  #maySweep(): boolean {
    if (this.#closed || !this.#store.ready() || !this.#keeping.mayJudge()) return false;
    const now = this.#clock.now();
    return now >= this.#heldUntil && now >= this.#sweepFrom;
  }

  async #sweep(): Promise<void> {
    if (this.#sweeping || !this.#maySweep()) return;
    const now = this.#clock.now();
    const before = this.#overdue;
    const found = new Map<UserId, Overdue>();
    this.#sweeping = true;
    try {
      const { failures, finished } = await workOff({
        read: (limit) => this.#store.due(now - OVERDUE_MS, limit),
        deal: async (userId) => {
          const known = before.get(userId);
          if (known && now < known.until) {
            found.set(userId, known);
            return;
          }
          const looks = (known?.looks ?? 0) + 1;
          found.set(userId, { looks, until: looks === 1 ? now : now + pauseAfter(looks) });
          await (looks === 1 ? this.#keeping.fire(userId) : this.#keeping.reschedule(userId));
        },
        mayGoOn: () => this.#maySweep(),
      });
      this.#overdue = finished ? found : new Map([...before, ...found]);
      if (failures.length > 0) {
        this.#log.debug({ err: failures[0], failures: failures.length }, 'some deadlines could not be kept; trying on');
      }
    } catch (error) {
      this.#log.debug({ err: error }, 'the sweep was cut short; it comes again');
    } finally {
      this.#sweeping = false;
    }
  }
}

function pauseAfter(looks: number): Millis {
  return Math.min(SWEEP_EVERY_MS * 2 ** (looks - 1), LONGEST_PAUSE_MS);
}
