import type { Logger } from '../log.ts';
import { DeadlineQueue } from '../presence/deadline-queue.ts';
import type { UserId } from '../presence/record.ts';
import type { Clock, Millis } from '../presence/time.ts';
import type { PresenceStore } from '../store/port.ts';

/** How often the store is asked for deadlines that nobody kept, such as a dead node's. */
const SWEEP_EVERY_MS = 1_000;
/** A deadline this much past is nobody's: who committed it would have kept it by now. */
const OVERDUE_MS = 250;
const SWEEP_LIMIT = 500;
const AT_ONCE = 64;
/** How long to wait before asking again whether a deadline may be kept, where that is not known beforehand. */
const ASK_AGAIN_MS = 100;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Keeps deadlines to the millisecond: each node those that it committed itself, and, by a sweep, those that are overdue
 * because their node is gone. However many nodes try, the compare-and-set lets one transition happen.
 */
export class Deadlines {
  readonly #store: PresenceStore;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #mayJudge: () => boolean;
  readonly #fire: (userId: UserId) => Promise<unknown>;
  readonly #queue = new DeadlineQueue();
  #timer: NodeJS.Timeout | undefined;
  #timerAt: Millis = Number.POSITIVE_INFINITY;
  #sweepTimer: NodeJS.Timeout | undefined;
  #running = 0;
  #sweeping = false;
  #heldUntil: Millis = 0;
  #sweepFrom: Millis = 0;
  #closed = false;

  /**
   * `mayJudge` tells whether this node knows enough to take somebody for gone. `fire` brings one user's record up to date;
   * it may reject, and the sweep will come back to it.
   */
  constructor(store: PresenceStore, log: Logger, mayJudge: () => boolean, fire: (userId: UserId) => Promise<unknown>) {
    this.#store = store;
    this.#clock = store.clock;
    this.#log = log;
    this.#mayJudge = mayJudge;
    this.#fire = fire;
  }

  start(): void {
    this.#sweepTimer = setInterval(() => void this.#sweep(), SWEEP_EVERY_MS).unref();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
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
    const at = Math.max(next.at, this.#heldUntil, this.#mayJudge() ? 0 : this.#clock.now() + ASK_AGAIN_MS);
    const wait = Math.min(Math.max(Math.ceil(at - this.#clock.now()), 0), LONGEST_TIMER_MS);
    this.#timerAt = at;
    this.#timer = setTimeout(() => this.#fireDue(), wait).unref();
  }

  #fireDue(): void {
    const now = this.#clock.now();
    while (this.#running < AT_ONCE && now >= this.#heldUntil && this.#mayJudge()) {
      const next = this.#queue.first();
      if (!next || next.at > now) break;
      this.#queue.set(next.userId, null);
      this.#run(next.userId);
    }
    if (this.#running < AT_ONCE) this.#arm();
  }

  #run(userId: UserId): void {
    this.#running += 1;
    this.#fire(userId)
      .catch((error: unknown) => this.#log.debug({ err: error }, 'a deadline could not be kept now; the sweep will'))
      .finally(() => {
        this.#running -= 1;
        if (!this.#closed && this.#running === AT_ONCE - 1) this.#fireDue();
      });
  }

  #maySweep(): boolean {
    if (this.#closed || !this.#store.ready() || !this.#mayJudge()) return false;
    const now = this.#clock.now();
    return now >= this.#heldUntil && now >= this.#sweepFrom;
  }

  async #sweep(): Promise<void> {
    if (this.#sweeping || !this.#maySweep()) return;
    const now = this.#clock.now();
    this.#sweeping = true;
    try {
      for (;;) {
        const due = await this.#store.due(now - OVERDUE_MS, SWEEP_LIMIT);
        for (let from = 0; from < due.length; from += AT_ONCE) {
          // What was read may have been long on its way, and nobody been heard meanwhile.
          if (!this.#maySweep()) return;
          await Promise.all(due.slice(from, from + AT_ONCE).map((userId) => this.#fire(userId)));
        }
        if (due.length < SWEEP_LIMIT) return;
      }
    } catch (error) {
      this.#log.debug({ err: error }, 'the sweep was cut short; it comes again');
    } finally {
      this.#sweeping = false;
    }
  }
}
