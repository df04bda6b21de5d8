import type { FriendGraph, FriendList, SyncResult } from '../../src/friends/port.ts';
import type { Pair, Relate, Relation } from '../../src/friends/relation.ts';
import type { PresenceRecord, UserId } from '../../src/presence/record.ts';
import type { Clock, Millis, Revision } from '../../src/presence/time.ts';
import type { Commit, CommitResult, NodeLeases, PresenceListener, PresenceStore } from '../../src/store/port.ts';
import type { Link } from './model-link.ts';

/** As often as a node on Redis makes sure that no change was lost unnoticed. */
const AUDIT_MS: Millis = 10_000;

/**
 * A store as one node sees it over its link. Messages may be lost, come twice or late, just as the port allows: what was
 * lost is noticed with the next message, when somebody asks to be caught up, or by an audit, and then told as missed.
 */
export class DistantStore implements PresenceStore {
  readonly clock: Clock;
  readonly gapless = true;
  readonly partitions: number;
  readonly leases: NodeLeases;
  readonly #store: PresenceStore;
  readonly #link: Link;
  readonly #lines = new Set<Line>();
  readonly #audit: NodeJS.Timeout;

  /** `aheadMs` is how much this node's idea of the store's time is wrong. */
  constructor(store: PresenceStore, link: Link, aheadMs: Millis) {
    this.#store = store;
    this.#link = link;
    this.partitions = store.partitions;
    this.clock = { now: () => store.clock.now() + aheadMs };
    const { leases } = store;
    this.leases = {
      renew: (node, leaseMs, first) => link.call(() => leases.renew(node, leaseMs, first)),
      lost: () => link.call(() => leases.lost()),
      adopt: (terms) => link.call(() => leases.adopt(terms)),
      settings: () => link.call(() => leases.settings()),
      members: (node, limit) => link.call(() => leases.members(node, limit)),
      forget: (node) => link.call(() => leases.forget(node)),
    };
    link.onChange({
      cut: () => {
        for (const line of this.#lines) line.lose();
      },
      healed: () => {
        for (const line of this.#lines) link.tell(() => line.restore());
      },
    });
    this.#audit = setInterval(() => {
      if (link.up) this.caughtUp().catch(() => undefined);
    }, AUDIT_MS);
  }

  lineage(): string {
    return this.#store.lineage();
  }

  partitionOf(userId: UserId): number {
    return this.#store.partitionOf(userId);
  }

  ready(): boolean {
    return this.#link.up;
  }

  whole(): boolean {
    return this.#link.up;
  }

  /** What was missed is told before what comes after it. */
  unbroken(): boolean {
    return true;
  }

  reach(): Promise<boolean> {
    return this.#link
      .call(() => this.#store.reach())
      .then((reached) => reached && this.#link.up)
      .catch(() => false);
  }

  load(ids: readonly UserId[]): Promise<PresenceRecord[]> {
    return this.#link.call(() => this.#store.load(ids));
  }

  commit(commit: Commit): Promise<CommitResult> {
    return this.#link.call(() => this.#store.commit(commit));
  }

  due(now: Millis, limit: number): Promise<UserId[]> {
    return this.#link.call(() => this.#store.due(now, limit));
  }

  async listen(partition: number, listener: PresenceListener): Promise<() => Promise<void>> {
    const line = new Line(this.#link, listener);
    const unlisten = await this.#link.call(async () => {
      this.#lines.add(line);
      return this.#store.listen(partition, line);
    });
    return async () => {
      this.#lines.delete(line);
      line.close();
      await unlisten();
    };
  }

  caughtUp(): Promise<Revision> {
    return this.#link
      .call(async () => {
        const revision = await this.#store.caughtUp();
        // What was sent before this is told before this.
        return new Promise<Revision>((resolve) => this.#link.tell(() => resolve(revision)));
      })
      .then((revision) => {
        for (const line of this.#lines) line.notice();
        return revision;
      });
  }

  async close(): Promise<void> {
    clearInterval(this.#audit);
    for (const line of this.#lines) line.close();
  }
}

/** One listener at the end of a link. */
class Line implements PresenceListener {
  readonly #link: Link;
  readonly #listener: PresenceListener;
  readonly #gap = new Set<UserId>();
  #lost = false;
  #closed = false;

  constructor(link: Link, listener: PresenceListener) {
    this.#link = link;
    this.#listener = listener;
  }

  changed(userId: UserId, record: PresenceRecord): void {
    const fate = this.#link.up ? this.#link.fate() : 'lose';
    if (fate === 'lose') {
      this.#gap.add(userId);
      return;
    }
    const isAfterGap = this.#gap.size > 0;
    const tell = (): void => {
      if (this.#closed) return;
      // Who is told of a change takes it that all earlier ones are known.
      if (isAfterGap) this.notice();
      this.#listener.changed(userId, record);
    };
    this.#link.tell(tell);
    if (fate === 'repeat') this.#link.tell(tell);
  }

  /** The count shows that something is missing. */
  notice(): void {
    if (this.#gap.size === 0 || this.#closed || this.#lost) return;
    const missed = [...this.#gap];
    this.#gap.clear();
    this.#listener.missed(missed);
  }

  lose(): void {
    if (this.#lost || this.#closed) return;
    this.#lost = true;
    this.#listener.lost();
  }

  restore(): void {
    if (!this.#lost || this.#closed) return;
    this.#lost = false;
    this.#gap.clear();
    this.#listener.missed(null);
    this.#listener.restored();
  }

  missed(): void {
    throw new Error('The store itself misses nothing.');
  }

  lost(): void {
    this.missed();
  }

  restored(): void {
    this.missed();
  }

  close(): void {
    this.#closed = true;
  }
}

/** A friend graph as one node sees it over its link. */
export class DistantGraph implements FriendGraph {
  readonly #graph: FriendGraph;
  readonly #link: Link;
  readonly #listeners = new Set<() => void>();

  constructor(graph: FriendGraph, link: Link) {
    this.#graph = graph;
    this.#link = link;
    link.onChange({
      cut: () => {},
      healed: () => link.tell(() => this.#tellAll()),
    });
  }

  list(userId: UserId): Promise<FriendList> {
    return this.#link.call(() => this.#graph.list(userId));
  }

  relations(userId: UserId, others: readonly UserId[]): Promise<Relation[]> {
    return this.#link.call(() => this.#graph.relations(userId, others));
  }

  relate(userId: UserId, other: UserId, change: Relate): Promise<Pair> {
    return this.#link.call(() => this.#graph.relate(userId, other, change));
  }

  sync(userId: UserId, friendIds: readonly UserId[]): Promise<SyncResult> {
    return this.#link.call(() => this.#graph.sync(userId, friendIds));
  }

  befriend(pairs: readonly (readonly [UserId, UserId])[]): Promise<number> {
    return this.#link.call(() => this.#graph.befriend(pairs));
  }

  async listen(userId: UserId, changed: () => void): Promise<() => Promise<void>> {
    const listener = (): void => {
      if (this.#listeners.has(listener)) changed();
    };
    const unlisten = await this.#link.call(async () => {
      this.#listeners.add(listener);
      return this.#graph.listen(userId, () => this.#link.tell(listener));
    });
    return async () => {
      this.#listeners.delete(listener);
      await unlisten();
    };
  }

  async close(): Promise<void> {
    this.#listeners.clear();
  }

  #tellAll(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}
