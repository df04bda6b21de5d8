import type { Millis } from '../presence/time.ts';
import { waitBefore } from './options.ts';

/**
 * How long to wait before the next attempt to connect. ioredis counts an attempt as a success as soon as a connection is
 * made; this goes on waiting longer until `reset` says that it has led to something.
 */
export class Backoff {
  #attempts = 0;

  next(): Millis {
    this.#attempts += 1;
    return waitBefore(this.#attempts);
  }

  reset(): void {
    this.#attempts = 0;
  }
}
