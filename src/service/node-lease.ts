import { randomBytes } from 'node:crypto';
import type { Logger } from '../log.ts';
import type { NodeId } from '../presence/record.ts';
import type { Millis } from '../presence/time.ts';
import type { LeaseTerms, PresenceStore } from '../store/port.ts';

/** Each is called before anything else can happen, and again at the next renewal if it throws. */
export interface NodeLeaseEvents {
  /** The lease was lost: from now on this node is another one. */
  renamed(): void;
  /**
   * The whole store has answered. `silentMs`: for how long this node had not reached all of it, or had not run; null where
   * that was no longer than usual, Infinity for the first time.
   */
  reached(silentMs: Millis | null): void;
}

/** Sessions bound to older incarnations than these have long been taken over or let go. */
const REMEMBERED_INCARNATIONS = 8;

/** One lease, renewed for all connections of this node: what they keep alive costs the store nothing more. */
export class NodeLease {
  readonly #store: Pick<PresenceStore, 'leases' | 'reach'>;
  readonly #terms: LeaseTerms;
  readonly #renewMs: Millis;
  readonly #log: Logger;
  readonly #events: NodeLeaseEvents;
  #incarnations: readonly NodeId[] = [newNodeId()];
  /** Some incarnation has had a lease. */
  #held = false;
  /** The current incarnation has. */
  #taken = false;
  /** It has another name since `renamed` was told last. */
  #renamed = false;
  /** When the last renewal that succeeded was asked for, by the monotonic clock. */
  #renewedAt = Number.NEGATIVE_INFINITY;
  /** The same for the whole store: when it was asked and has answered. */
  #reachedAt = Number.NEGATIVE_INFINITY;
  #reaching: Promise<void> | null = null;
  #timer: NodeJS.Timeout | undefined;
  #renewing: Promise<void> = Promise.resolve();
  #closed = false;

  /** `renewMs` is how often it is renewed. */
  constructor(
    store: Pick<PresenceStore, 'leases' | 'reach'>,
    terms: LeaseTerms,
    renewMs: Millis,
    log: Logger,
    events: NodeLeaseEvents,
  ) {
    this.#store = store;
    this.#terms = terms;
    this.#renewMs = renewMs;
    this.#log = log;
    this.#events = events;
  }

  get node(): NodeId {
    return this.#incarnations.at(-1) as NodeId;
  }

  /** The last ones of this process, the current one last. What was returned does not change. */
  get incarnations(): readonly NodeId[] {
    return this.#incarnations;
  }

  /** Whether this node has lately been in touch with the store, or with the part of it that keeps the leases. */
  get current(): boolean {
    return this.#silentMs <= this.#longestSilence;
  }

  /**
   * Whether it has lately been in touch with all of the store. Who has not knows neither who was heard meanwhile nor for
   * how long nobody could be, and must take nobody for gone before `reached` has been told again.
   */
  get inTouch(): boolean {
    return performance.now() - this.#reachedAt <= this.#longestSilence;
  }

  /**
   * False while others may have taken this node for dead: then nothing that it says counts before it has renewed, which it
   * tries at once. A node that has not had a lease yet has nothing to lose.
   */
  standing(): boolean {
    if (this.stands) return true;
    void this.#hurry();
    return false;
  }

  /** The same, and nothing is tried. */
  get stands(): boolean {
    return !this.#held || this.#silentMs <= this.#terms.ms;
  }

  /**
   * Resolves when the first lease has been taken, or could not be: what is bound to a node without one, nobody would miss.
   * Null when there is nothing to wait for.
   */
  taken(): Promise<void> | null {
    return this.#held ? null : this.#hurry();
  }

  /** Resolves after the first attempt, whether the store could be reached or not; goes on by itself. */
  async start(): Promise<void> {
    await this.#turn();
    await this.#reaching;
  }

  /** Idempotent. Gives the lease back if nothing is bound to it any more, else leaves it to run out. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#renewing;
    if (!this.#held) return;
    try {
      for (const node of this.#incarnations) {
        if ((await this.#store.leases.members(node, 1)).length === 0) await this.#store.leases.forget(node);
      }
    } catch (error) {
      this.#log.debug({ err: error }, 'the node lease could not be given back; it runs out by itself');
    }
  }

  get #silentMs(): Millis {
    return performance.now() - this.#renewedAt;
  }

  /** One renewal may fail or be late without anything being wrong. */
  get #longestSilence(): Millis {
    return 2 * this.#renewMs;
  }

  /** Renews now, unless it is being renewed. */
  #hurry(): Promise<void> {
    if (this.#timer === undefined || this.#closed) return this.#renewing;
    return this.#turn();
  }

  #turn(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#renewing = this.#renew().then((ok) => {
      if (this.#closed) return;
      const wait = ok ? this.#renewMs : Math.min(this.#terms.ms / 10, 500);
      this.#timer = setTimeout(() => void this.#turn(), wait).unref();
    });
    return this.#renewing;
  }

  async #renew(): Promise<boolean> {
    let askedAt = performance.now();
    const { leases } = this.#store;
    try {
      if (!(await leases.renew(this.node, this.#terms, !this.#taken))) {
        this.#incarnations = [...this.#incarnations, newNodeId()].slice(-REMEMBERED_INCARNATIONS);
        [this.#taken, this.#renamed] = [false, true];
        this.#log.warn({ node: this.node }, 'the node lease was lost; going on under a new one');
        // What was asked before may have been long on its way: the new lease is no older than this.
        askedAt = performance.now();
        await leases.renew(this.node, this.#terms, true);
      }
    } catch (error) {
      this.#log.debug({ err: error }, 'the node lease could not be renewed; trying on');
      return false;
    }
    [this.#held, this.#taken] = [true, true];
    this.#renewedAt = askedAt;
    if (this.#renamed) this.#renamed = !this.#tell(() => this.#events.renamed());
    // Not waited for: a part of the store that says nothing must not cost this node its lease.
    this.#reaching ??= this.#reach()
      .catch((error: unknown) => this.#log.debug({ err: error }, 'not all of the store can be reached; trying on'))
      .finally(() => {
        this.#reaching = null;
      });
    return true;
  }

  async #reach(): Promise<void> {
    const askedAt = performance.now();
    if (!(await this.#store.reach()) || this.#closed) return;
    const silentMs = askedAt - this.#reachedAt;
    const told = this.#tell(() => this.#events.reached(silentMs > this.#longestSilence ? silentMs : null));
    if (told) this.#reachedAt = askedAt;
  }

  /** False when it threw. */
  #tell(event: () => void): boolean {
    try {
      event();
      return true;
    } catch (error) {
      this.#log.error({ err: error }, 'what a renewed node lease asks for could not be done; trying on');
      return false;
    }
  }
}

function newNodeId(): NodeId {
  return randomBytes(9).toString('base64url');
}
