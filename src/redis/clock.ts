import { unavailable } from '../errors.ts';
import type { Clock, Millis } from '../presence/time.ts';

/** How fast two machines' clocks may drift apart: 200 µs in a second. */
const DRIFT = 200e-6;

/**
 * The store's clock, estimated: Redis TIME as an offset to this process' monotonic clock. The sample with the smallest
 * round trip wins until drift has made a newer one the better of the two. `now` never runs backwards: where the store's
 * clock steps back, as after a failover, it goes on at half speed until the store has caught up.
 */
export class RedisClock implements Clock {
  readonly #monotonic: () => Millis;
  #offset: Millis | null = null;
  /** Half the round trip of the sample in use: how far its offset may be from the truth. */
  #error = 0;
  #sampledAt = 0;
  #told = Number.NEGATIVE_INFINITY;
  #toldAt = 0;

  /** `monotonic` gives milliseconds that never run backwards. */
  constructor(monotonic: () => Millis = () => performance.now()) {
    this.#monotonic = monotonic;
  }

  /** Throws RollcallError UNAVAILABLE before the first sample. */
  now(): Millis {
    if (this.#offset === null) throw unavailable('The store has not been reached yet.');
    const at = this.#monotonic();
    const estimate = at + this.#offset;
    const slowest = this.#told === Number.NEGATIVE_INFINITY ? estimate : this.#told + (at - this.#toldAt) / 2;
    this.#told = Math.max(estimate, slowest);
    this.#toldAt = at;
    return Math.floor(this.#told);
  }

  /** This process' monotonic clock, for `sample`. */
  monotonic(): Millis {
    return this.#monotonic();
  }

  /**
   * How much at least the clock of another server is ahead, which said `time` somewhere between `sentAt` and now; negative
   * where it is behind, 0 where the two may agree. To be called after the first sample.
   */
  ahead(sentAt: Millis, time: Millis): Millis {
    const at = this.#monotonic();
    const apart = time - (sentAt + at) / 2 - (this.#offset ?? 0);
    const error = (at - sentAt) / 2 + this.#error + (at - this.#sampledAt) * DRIFT;
    return Math.sign(apart) * Math.max(0, Math.abs(apart) - error);
  }

  /** The store said `time`, somewhere between `sentAt` and now, both by the monotonic clock. */
  sample(sentAt: Millis, time: Millis): void {
    const at = this.#monotonic();
    const error = (at - sentAt) / 2;
    const offset = time - (sentAt + at) / 2;
    if (this.#offset !== null) {
      const aged = this.#error + (at - this.#sampledAt) * DRIFT;
      const stepped = Math.abs(offset - this.#offset) > aged + error;
      if (error > aged && !stepped) return;
    }
    this.#offset = offset;
    this.#error = error;
    this.#sampledAt = at;
  }
}
