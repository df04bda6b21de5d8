import type { ServerResponse } from 'node:http';
import type { Clock } from '../presence/time.ts';
import type { Identity } from './auth.ts';
import type { Metrics } from './metrics.ts';
import { spread } from './spread.ts';
import { callAtTokenEnd } from './token-end.ts';

/** The subscriptions that stream over HTTP now, so that they can be ended from here. */
export class Streams {
  readonly #open = new Set<ServerResponse>();
  readonly #clock: Clock;
  readonly #metrics: Metrics;
  #draining = false;

  constructor(clock: Clock, metrics: Metrics) {
    this.#clock = clock;
    this.#metrics = metrics;
  }

  /** A subscription streams over `response` until either side ends it or the token that asked for it does. */
  add(response: ServerResponse, identity: Identity | null): void {
    if (response.destroyed || this.#open.has(response)) return;
    if (this.#draining) {
      breakOff(response);
      return;
    }
    this.#open.add(response);
    this.#metrics.connections.inc({ transport: 'sse' });
    const forget = identity && callAtTokenEnd(identity, this.#clock, () => breakOff(response));
    response.once('close', () => {
      forget?.();
      this.#open.delete(response);
      this.#metrics.connections.dec({ transport: 'sse' });
    });
  }

  /** Ends all, spread over `spanMs`, and from now on each new one at once. Resolves when the last has been ended. */
  async drain(spanMs: number): Promise<void> {
    this.#draining = true;
    await spread([...this.#open], spanMs, breakOff);
  }
}

/**
 * Without the `complete` event that would tell the client that there is no more to come: a stream that breaks off is
 * asked for again.
 */
function breakOff(response: ServerResponse): void {
  response.destroy();
}
