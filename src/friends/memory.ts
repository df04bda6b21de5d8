import { unavailable } from '../errors.ts';
import type { UserId } from '../presence/record.ts';
import { type Clock, NEVER, type Revision } from '../presence/time.ts';
import {
  demands,
  isChange,
  mustBePair,
  mustFit,
  type PlannedChange,
  plan,
  type Wish,
  wishesOfPairs,
  wishesOfSync,
} from './change.ts';
import { Listeners } from './listeners.ts';
import { type FriendEntry, type FriendGraph, type FriendList, MIN_TOMBSTONES, type SyncResult } from './port.ts';
import type { Pair, Relate, Relation } from './relation.ts';

/** The friend graph of the embedded engine: in this process, for as long as it lives. Listeners are told at once. */
export class MemoryFriendGraph implements FriendGraph {
  readonly #clock: Clock;
  readonly #lists = new Map<UserId, MemoryList>();
  readonly #listeners = new Listeners();
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async list(userId: UserId): Promise<FriendList> {
    this.#mustBeOpen();
    return this.#lists.get(userId)?.read() ?? { version: NEVER, floor: NEVER, entries: [] };
  }

  async relations(userId: UserId, others: readonly UserId[]): Promise<Relation[]> {
    this.#mustBeOpen();
    return others.map((other) => this.#relation(userId, other));
  }

  async relate(userId: UserId, other: UserId, change: Relate): Promise<Pair> {
    this.#mustBeOpen();
    mustBePair(userId, other, 'userId');
    this.#apply([{ userId, other, change }]);
    return this.#pair(userId, other);
  }

  async sync(userId: UserId, friendIds: readonly UserId[]): Promise<SyncResult> {
    this.#mustBeOpen();
    const wishes = wishesOfSync(userId, this.#lists.get(userId)?.entries() ?? [], friendIds);
    const changes = this.#apply(wishes);
    const removed = changes.filter(({ change }) => change === 'remove').length;
    return { added: changes.length - removed, removed };
  }

  async befriend(pairs: readonly (readonly [UserId, UserId])[]): Promise<number> {
    this.#mustBeOpen();
    return this.#apply(wishesOfPairs(pairs)).length;
  }

  async listen(userId: UserId, changed: () => void): Promise<() => Promise<void>> {
    this.#mustBeOpen();
    return this.#listeners.add(userId, changed);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#listeners.clear();
    this.#lists.clear();
  }

  /** All or nothing. Returns what really changed. `wishes` name no pair twice. */
  #apply(wishes: readonly Wish[]): PlannedChange[] {
    const changes = wishes.map((wish) => plan(wish, this.#pair(wish.userId, wish.other))).filter(isChange);
    for (const [userId, demand] of demands(changes)) mustFit(userId, this.#lists.get(userId)?.held ?? 0, demand);

    const touched = new Map<MemoryList, UserId>();
    const version = this.#clock.now() * 1000;
    const write = (userId: UserId, other: UserId, before: Relation, after: Relation): void => {
      if (before === after) return;
      const list = this.#lists.get(userId) ?? new MemoryList();
      this.#lists.set(userId, list);
      if (!touched.has(list)) list.version = Math.max(list.version + 1, version);
      touched.set(list, userId);
      list.write(other, after);
    };
    for (const { userId, other, before, after } of changes) {
      write(userId, other, before.mine, after.mine);
      write(other, userId, before.theirs, after.theirs);
    }
    for (const list of touched.keys()) list.prune();
    for (const userId of touched.values()) this.#listeners.tell(userId);
    return changes;
  }

  #pair(userId: UserId, other: UserId): Pair {
    return { mine: this.#relation(userId, other), theirs: this.#relation(other, userId) };
  }

  #relation(userId: UserId, other: UserId): Relation {
    return this.#lists.get(userId)?.relation(other) ?? 'none';
  }

  #mustBeOpen(): void {
    if (this.#closed) throw unavailable('The friend graph is closed.');
  }
}

class MemoryList {
  version: Revision = NEVER;
  #floor: Revision = NEVER;
  #tombstones = 0;
  readonly #lines = new Map<UserId, FriendEntry>();

  /** How many lines count towards the limit. */
  get held(): number {
    return this.#lines.size - this.#tombstones;
  }

  entries(): Iterable<FriendEntry> {
    return this.#lines.values();
  }

  relation(other: UserId): Relation {
    return this.#lines.get(other)?.relation ?? 'none';
  }

  read(): FriendList {
    const entries = [...this.#lines.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
    return { version: this.version, floor: this.#floor, entries };
  }

  /** At the list's current version, which the caller has moved on. */
  write(other: UserId, relation: Relation): void {
    if (this.#lines.get(other)?.relation === 'none') this.#tombstones--;
    if (relation === 'none') this.#tombstones++;
    this.#lines.set(other, { id: other, relation, version: this.version });
  }

  /** Lets the oldest tombstones go once there are twice as many as must be kept, so that it happens seldom. */
  prune(): void {
    if (this.#tombstones <= 2 * MIN_TOMBSTONES) return;
    const tombstones = [...this.#lines.values()]
      .filter(({ relation }) => relation === 'none')
      .sort((a, b) => a.version - b.version);
    for (const { id, version } of tombstones.slice(0, -MIN_TOMBSTONES)) {
      this.#lines.delete(id);
      this.#floor = version;
    }
    this.#tombstones = MIN_TOMBSTONES;
  }
}
