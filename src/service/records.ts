import { unavailable } from '../errors.ts';
import type { Command } from '../presence/command.ts';
import type { PresenceRecord, UserId } from '../presence/record.ts';
import type { Rules } from '../presence/rules.ts';
import { spare } from '../presence/spare.ts';
import type { Millis } from '../presence/time.ts';
import { transition } from '../presence/transition.ts';
import type { PresenceStore } from '../store/port.ts';

/** How many records are remembered between two commands, so that a heartbeat needs one round trip and not two. */
const REMEMBERED = 20_000;
/** Each lost race is a commit won by somebody else; so many in a row for one user are no accident. */
const MAX_ATTEMPTS = 64;

/** What the node that commands are given to knows. None of these may throw. */
export interface RecordsNode {
  /**
   * False while others may have taken this node for dead. What has waited meanwhile, here or on its way to the store, may
   * have been said again elsewhere and be no more true.
   */
  mayCommit(): boolean;
  /**
   * Before then no lease counts as run out: nobody could renew theirs for a while, and all are to be heard first. A time
   * that has passed where that is not so.
   */
  sparedUntil(now: Millis, command: Command): Millis;
  committed(userId: UserId, wakeAt: Millis | null): void;
}

/** Commands on records: load, reduce, commit; and again when somebody else was first. */
export class Records {
  readonly #store: PresenceStore;
  readonly #rules: Rules;
  readonly #node: RecordsNode;
  /** In order of use, the oldest first. May be behind the store: a commit finds that out. */
  readonly #remembered = new Map<UserId, PresenceRecord>();
  /** The last command under way for each user: commands of one node on one user run one after the other. */
  readonly #queues = new Map<UserId, Promise<unknown>>();

  constructor(store: PresenceStore, rules: Rules, node: RecordsNode) {
    this.#store = store;
    this.#rules = rules;
    this.#node = node;
  }

  async load(userId: UserId): Promise<PresenceRecord> {
    return (await this.loadAll([userId]))[0] as PresenceRecord;
  }

  loadAll(userIds: readonly UserId[]): Promise<PresenceRecord[]> {
    return this.#store.load(userIds);
  }

  /**
   * Resolves with the record as it stands after `command`, committed. Rejects with RollcallError, and then the command
   * has not been obeyed; after UNAVAILABLE it may have been, so commands are made to bear repetition.
   */
  apply(userId: UserId, command: Command): Promise<PresenceRecord> {
    const previous = this.#queues.get(userId);
    const turn = previous ? previous.then(() => this.#apply(userId, command)) : this.#apply(userId, command);
    const settled = turn
      .catch(() => undefined)
      .then(() => {
        if (this.#queues.get(userId) === settled) this.#queues.delete(userId);
      });
    this.#queues.set(userId, settled);
    return turn;
  }

  async #apply(userId: UserId, command: Command): Promise<PresenceRecord> {
    let known = this.#remembered.get(userId);
    let fresh = false;
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
      if (!this.#node.mayCommit()) throw unavailable('This node has to find the store again first; try again.');
      if (known === undefined) {
        known = await this.load(userId);
        fresh = true;
      }
      const outcome = this.#reduce(known, command, fresh);
      if (outcome === null || (outcome.record === known && !fresh)) {
        // Nothing to do, or a refusal: only what the store says now can tell.
        known = undefined;
        continue;
      }
      if (outcome.record === known) {
        this.#remember(userId, known);
        return known;
      }
      const result = await this.#store.commit({ userId, previous: known, ...outcome });
      if (result.committed) {
        this.#remember(userId, result.record);
        this.#node.committed(userId, outcome.wakeAt);
        return result.record;
      }
      known = result.record;
      fresh = true;
    }
    throw unavailable('Too many changes at once; try again.');
  }

  #reduce(known: PresenceRecord, command: Command, fresh: boolean): ReturnType<typeof transition> | null {
    try {
      const now = this.#store.clock.now();
      const until = this.#node.sparedUntil(now, command);
      return transition(until > now ? spare(known, now, until) : known, command, now, this.#rules);
    } catch (error) {
      if (fresh) throw error;
      return null;
    }
  }

  #remember(userId: UserId, record: PresenceRecord): void {
    this.#remembered.delete(userId);
    this.#remembered.set(userId, record);
    if (this.#remembered.size <= REMEMBERED) return;
    const oldest = this.#remembered.keys().next();
    if (!oldest.done) this.#remembered.delete(oldest.value);
  }
}
