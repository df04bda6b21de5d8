import type { ServerResponse } from 'node:http';
import type { RollcallError } from '../errors.ts';
import type { Clock } from '../presence/time.ts';
import type { Identity } from './auth.ts';
import type { Limits } from './limits.ts';
import type { Metrics } from './metrics.ts';
import { spread } from './spread.ts';
import { callAtTokenEnd } from './token-end.ts';

/** The subscriptions that stream over HTTP now, so that they can be ended from here. */
export class Streams {
  readonly #open = new Set<ServerResponse>();
  readonly #clock: Clock;
  readonly #metrics: Metrics;
  readonly #limits: Limits;
  #draining = false;

  constructor(clock: Clock, metrics: Metrics, limits: Limits) {
    this.#limits = limits;
    this.#clock = clock;
    this.#metrics = metrics;
  }

  /** To be asked before a subscription is begun whose answer this is: why there can be none, or null. */
  admit(response: ServerResponse, identity: Identity | null): RollcallError | null {
    const address = response.req.socket.remoteAddress;
    // Nobody waits for it any more, or whoever does is refused for another reason.
    if (response.destroyed || address === undefined || identity === null) return null;
    const { perUser, perAddress } = this.#limits;
    const full = perUser.take(identity.userId);
    if (full) return full;
    const crowded = perAddress.take(address);
    if (crowded) {
      perUser.giveBack(identity.userId);
      return crowded;
    }
    response.once('close', () => {
      perUser.giveBack(identity.userId);
      perAddress.giveBack(address);
    });
    return null;
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
    const tokenEnd = identity && callAtTokenEnd(identity, this.#clock, () => breakOff(response));
    response.once('close', () => {
      tokenEnd?.cancel();
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
