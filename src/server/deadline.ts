import type { Clock, Millis } from '../presence/time.ts';

/** Node.js fires timers that are longer than this at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Calls `due` once, as soon as the clock says `at` or later, never synchronously. A waiting deadline does not keep the
 * process alive. What each holds counts: an open connection can have one.
 */
export class Deadline {
  readonly #clock: Clock;
  readonly #at: Millis;
  readonly #due: () => void;
  #timer: NodeJS.Timeout;

  constructor(clock: Clock, at: Millis, due: () => void) {
    this.#clock = clock;
    this.#at = at;
    this.#due = due;
    this.#timer = this.#wait();
  }

  /** Idempotent. */
  cancel(): void {
    clearTimeout(this.#timer);
  }

  #wait(): NodeJS.Timeout {
    const remaining = this.#at - this.#clock.now();
    return setTimeout(Deadline.#look, Math.min(Math.max(remaining, 0), MAX_TIMER_MS), this).unref();
  }

  /** The same function for all. */
  static #look(deadline: Deadline): void {
    if (deadline.#clock.now() >= deadline.#at) deadline.#due();
    else deadline.#timer = deadline.#wait();
  }
}
