import { isUnavailable, unavailable } from '../errors.ts';
import type { Command } from '../presence/command.ts';
import { EMPTY_RECORD, type PresenceRecord, type UserId } from '../presence/record.ts';
import { lacks, restore } from '../presence/restore.ts';
import type { Rules } from '../presence/rules.ts';
import { spare } from '../presence/spare.ts';
import type { Millis, Revision } from '../presence/time.ts';
import { transition } from '../presence/transition.ts';
import type { Commit, CommitResult, PresenceStore } from '../store/port.ts';
import { Remembered } from './remembered.ts';

/** How many records are read at once to see whether they lack something. */
const PAGE = 64;
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
  /** May be behind the store: a commit finds that out. */
  readonly #remembered = new Remembered();
  /**
   * Whom a commit would have bound to a connection of which nobody knows whether it was made, and at which revision: it may
   * lie on its way still and arrive after all, once the connection has closed and its goodbye been said.
   */
  readonly #unsure = new Map<UserId, Revision>();
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

  /** What the store has, and what this node remembers of choices that the store has lost. */
  async loadAll(userIds: readonly UserId[]): Promise<PresenceRecord[]> {
    const records = await this.#store.load(userIds);
    const restored = records.map((record, index) => {
      const userId = userIds[index] ?? '';
      const known = this.#remembered.get(userId);
      return known && lacks(record, known) ? this.restore(userId, known) : record;
    });
    return Promise.all(restored);
  }

  /** Brings back into the store what the user has chosen by `known`, where it has lost that. Rejects as `apply` does. */
  restore(userId: UserId, known: PresenceRecord): Promise<PresenceRecord> {
    return this.#inTurn(userId, () => this.#apply(userId, { type: 'tick' }, false, known));
  }

  /** The same for everybody who is remembered; whom nothing helps is left out. Rejects UNAVAILABLE: call it again then. */
  async restoreAll(): Promise<void> {
    const chosen = this.#remembered.all().filter(([, known]) => lacks(EMPTY_RECORD, known));
    for (let from = 0; from < chosen.length; from += PAGE) {
      const page = chosen.slice(from, from + PAGE);
      const records = await this.#store.load(page.map(([userId]) => userId));
      const lacking = page.filter(([, known], index) => lacks(records[index] ?? EMPTY_RECORD, known));
      for (const done of await Promise.allSettled(lacking.map(([userId, known]) => this.restore(userId, known)))) {
        if (done.status === 'rejected' && isUnavailable(done.reason)) throw done.reason;
      }
    }
  }

  /**
   * Resolves with the record as it stands after `command`, committed. Rejects with RollcallError, and then the command
   * has not been obeyed; after UNAVAILABLE it may have been, so commands are made to bear repetition.
   */
  apply(userId: UserId, command: Command): Promise<PresenceRecord> {
    return this.#inTurn(userId, () => this.#apply(userId, command, false));
  }

  /**
   * A tick that is written even where it changes nothing: the store holds another deadline than the record asks for, which
   * only a commit can mend.
   */
  reschedule(userId: UserId): Promise<PresenceRecord> {
    return this.#inTurn(userId, () => this.#apply(userId, { type: 'tick' }, true));
  }

  #inTurn(userId: UserId, apply: () => Promise<PresenceRecord>): Promise<PresenceRecord> {
    const previous = this.#queues.get(userId);
    const turn = previous ? previous.then(apply) : apply();
    const done = (): void => {
      if (this.#queues.get(userId) === settled) this.#queues.delete(userId);
    };
    const settled = turn.then(done, done);
    this.#queues.set(userId, settled);
    return turn;
  }

  /** Also brings back what the user has chosen by `lost`, where the store lacks that. */
  async #apply(
    userId: UserId,
    command: Command,
    write: boolean,
    lost: PresenceRecord | null = null,
  ): Promise<PresenceRecord> {
    let known = this.#remembered.get(userId);
    let fresh = false;
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
      if (!this.#node.mayCommit()) throw unavailable('This node has to find the store again first; try again.');
      if (known === undefined) {
        known = (await this.#store.load([userId]))[0] ?? EMPTY_RECORD;
        fresh = true;
      }
      const outcome = this.#reduce(userId, known, command, fresh, lost);
      if (outcome === null || (outcome.record === known && !fresh)) {
        // Nothing to do, or a refusal: only what the store says now can tell.
        known = undefined;
        continue;
      }
      // A commit that is on its way still finds another revision, whatever it was made from.
      if (outcome.record === known && !write && this.#unsure.get(userId) !== known.rev) {
        this.#settled(userId, known);
        return known;
      }
      const result = await this.#commit({ userId, previous: known, ...outcome }, command);
      if (result.committed) {
        this.#settled(userId, result.record);
        this.#node.committed(userId, outcome.wakeAt);
        return result.record;
      }
      known = result.record;
      fresh = true;
    }
    throw unavailable('Too many changes at once; try again.');
  }

  #commit(commit: Commit, command: Command): Promise<CommitResult> {
    const committed = this.#store.commit(commit);
    if (!('binding' in command) || command.type === 'disconnect' || command.binding === null) return committed;
    return committed.catch((error: unknown) => {
      this.#unsure.set(commit.userId, commit.previous.rev);
      throw error;
    });
  }

  /** `record` stands, and nothing that is on its way can replace it. */
  #settled(userId: UserId, record: PresenceRecord): void {
    this.#unsure.delete(userId);
    this.#remembered.set(userId, record);
  }

  #reduce(
    userId: UserId,
    known: PresenceRecord,
    command: Command,
    fresh: boolean,
    lost: PresenceRecord | null,
  ): ReturnType<typeof transition> | null {
    try {
      const now = this.#store.clock.now();
      const until = this.#node.sparedUntil(now, command);
      const remembered = restore(known, this.#remembered.get(userId) ?? known);
      const whole = lost ? restore(remembered, lost) : remembered;
      const outcome = transition(until > now ? spare(whole, now, until) : whole, command, now, this.#rules);
      return whole === known ? outcome : { ...outcome, visible: true };
    } catch (error) {
      if (fresh) throw error;
      return null;
    }
  }
}
