import type { Logger } from '../log.ts';
import type { UserId } from '../presence/record.ts';
import type { Clock, Millis } from '../presence/time.ts';
import type { LostNode, PresenceStore } from '../store/port.ts';

const PAGE = 500;
const AT_ONCE = 64;

/** Notices dead nodes and turns what they kept alive into sessions that end with their lease. Any node may do it. */
export class Reaper {
  readonly #store: PresenceStore;
  readonly #clock: Clock;
  readonly #leaseMs: Millis;
  readonly #log: Logger;
  readonly #mayJudge: () => boolean;
  readonly #release: (userId: UserId, lost: LostNode) => Promise<unknown>;
  #timer: NodeJS.Timeout | undefined;
  #heldUntil: Millis = 0;
  #notBefore: Millis = 0;
  #reaping = false;
  #closed = false;

  /**
   * `mayJudge` tells whether this node knows enough to take another one for dead. `release` ends the lost node's hold on one
   * user's sessions; it may reject, and is called again later.
   */
  constructor(
    store: PresenceStore,
    leaseMs: Millis,
    log: Logger,
    mayJudge: () => boolean,
    release: (userId: UserId, lost: LostNode) => Promise<unknown>,
  ) {
    this.#store = store;
    this.#clock = store.clock;
    this.#leaseMs = leaseMs;
    this.#log = log;
    this.#mayJudge = mayJudge;
    this.#release = release;
  }

  start(): void {
    this.#timer = setInterval(() => void this.#reap(), this.#leaseMs / 2).unref();
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
  }

  /** No node is taken for dead before then: after an outage of the store all get the time to renew. */
  holdUntil(until: Millis): void {
    this.#heldUntil = Math.max(this.#heldUntil, until);
  }

  /** What dead nodes kept alive is given as long as if they had renewed then: before, their clients had nowhere to go. */
  countFrom(moment: Millis): void {
    this.#notBefore = Math.max(this.#notBefore, moment);
  }

  async #reap(): Promise<void> {
    if (this.#reaping || !this.#mayReap()) return;
    this.#reaping = true;
    try {
      for (const { node, renewedAt } of await this.#store.leases.lost(this.#leaseMs)) {
        // The answer may have been long on its way, and nobody been able to renew meanwhile.
        if (!this.#mayReap()) return;
        await this.#releaseAll({ node, renewedAt: Math.max(renewedAt, this.#notBefore) });
      }
    } catch (error) {
      this.#log.debug({ err: error }, 'looking after dead nodes was cut short; it comes again');
    } finally {
      this.#reaping = false;
    }
  }

  #mayReap(): boolean {
    return !this.#closed && this.#store.ready() && this.#mayJudge() && this.#clock.now() >= this.#heldUntil;
  }

  async #releaseAll(lost: LostNode): Promise<void> {
    const seen = new Set<UserId>();
    for (;;) {
      const members = (await this.#store.leases.members(lost.node, PAGE)).filter((userId) => !seen.has(userId));
      if (!this.#mayReap()) return;
      if (members.length === 0) break;
      for (let from = 0; from < members.length; from += AT_ONCE) {
        await Promise.all(members.slice(from, from + AT_ONCE).map((userId) => this.#release(userId, lost)));
      }
      for (const userId of members) seen.add(userId);
    }
    await this.#store.leases.forget(lost.node);
    this.#log.info({ node: lost.node, users: seen.size }, 'released the sessions of a dead node');
  }
}
