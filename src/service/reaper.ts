import type { Logger } from '../log.ts';
import type { UserId } from '../presence/record.ts';
import type { Clock, Millis } from '../presence/time.ts';
import type { LostNode, PresenceStore } from '../store/port.ts';
import { workOff } from './work-off.ts';

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
      for (const lost of await this.#store.leases.lost()) {
        // The answer may have been long on its way, and nobody been able to renew meanwhile.
        if (!this.#mayReap()) return;
        await this.#bury({ ...lost, renewedAt: Math.max(lost.renewedAt, this.#notBefore) });
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

  /** What cannot be done for one user, or for one node, keeps nobody else waiting: it is tried again next time. */
  async #bury(lost: LostNode): Promise<void> {
    const { leases } = this.#store;
    try {
      const { users, failures, finished } = await workOff({
        read: (limit) => leases.members(lost.node, limit),
        deal: (userId) => this.#release(userId, lost),
        mayGoOn: () => this.#mayReap(),
      });
      if (failures.length > 0) {
        const details = { err: failures[0], node: lost.node, failures: failures.length };
        this.#log.warn(details, 'some sessions of a dead node could not be released; trying on');
      }
      if (!finished || failures.length > 0) return;
      await leases.forget(lost.node);
      this.#log.info({ node: lost.node, users }, 'released the sessions of a dead node');
    } catch (error) {
      this.#log.debug(
        { err: error, node: lost.node },
        'releasing the sessions of a dead node was cut short; it comes again',
      );
    }
  }
}
