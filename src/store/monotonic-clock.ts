import type { Clock, Millis } from '../presence/time.ts';

/** The wall clock of the moment in which this was made, and from then on a clock that nobody can set. */
export class MonotonicClock implements Clock {
  readonly #anchor: Millis = Date.now() - performance.now();

  now(): Millis {
    return Math.floor(this.#anchor + performance.now());
  }
}
