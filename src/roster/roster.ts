import type { FriendGraph, FriendList } from '../friends/port.ts';
import type { Logger } from '../log.ts';
import { type PresenceRecord, sameView, type UserId, view } from '../presence/record.ts';
import { NEVER, type Revision } from '../presence/time.ts';
import type { FeedSource, ListChanges, RosterFeed } from './feed.ts';
import type { Gate } from './gate.ts';
import type { People, Watcher } from './people.ts';
import type { Rounds } from './rounds.ts';

/** How long to wait before reading a friend list again that the graph could not give. */
const REFRESH_RETRY_MS = 250;

/** One viewer's friends on this node, shared by all streams of that viewer, and kept in step with the friend graph. */
export class Roster implements Watcher, FeedSource {
  readonly viewer: UserId;
  readonly #graph: FriendGraph;
  readonly #people: People;
  readonly #readings: Gate;
  readonly #rounds: Rounds;
  readonly #log: Logger;
  readonly #feeds = new Set<RosterFeed>();
  readonly #whenIdle: () => void;
  /** Streams that are about to be added. */
  #expected = 0;
  #list: FriendList = { version: NEVER, floor: NEVER, entries: [] };
  #friends: ReadonlySet<UserId> = new Set();
  #unlisten: (() => Promise<void>) | null = null;
  /** A change was told of, and no reading that would show it has begun. */
  #outdated = false;
  #turn: Promise<void> = Promise.resolve();
  #closed = false;

  /** Lists are read through `readings`. `whenIdle` is called when no stream needs this any more. */
  constructor(
    viewer: UserId,
    graph: FriendGraph,
    people: People,
    readings: Gate,
    rounds: Rounds,
    log: Logger,
    whenIdle: () => void,
  ) {
    this.viewer = viewer;
    this.#graph = graph;
    this.#people = people;
    this.#readings = readings;
    this.#rounds = rounds;
    this.#log = log;
    this.#whenIdle = whenIdle;
  }

  /** Resolves when the friends and their presence are known and followed. */
  async open(): Promise<void> {
    try {
      this.#unlisten = await this.#graph.listen(this.viewer, () => this.outdate());
      do await this.freshen();
      while (this.#outdated && !this.#closed);
      if (this.#closed) await this.#unlisten();
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** Resolves when the list as it is from now on has been taken over. Rejects UNAVAILABLE, and nothing has changed. */
  freshen(): Promise<void> {
    // One reading after the other: of two at once the older might end last and bring back who is no friend any more.
    const turn = this.#turn.then(() =>
      this.#readings.run(async () => {
        this.#outdated = false;
        if (!this.#closed) await this.#take(await this.#graph.list(this.viewer));
      }),
    );
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  /** The list may have changed: it is read again, for as long as it takes. */
  outdate(): void {
    if (this.#outdated || this.#closed) return;
    this.#outdated = true;
    this.freshen().catch((error: unknown) => {
      this.#log.debug({ err: error }, 'reading a friend list again failed; trying on');
      setTimeout(() => this.outdate(), REFRESH_RETRY_MS).unref();
    });
  }

  /** Keeps the roster open for a stream that is being made, until `release`. */
  hold(): void {
    this.#expected += 1;
  }

  release(): void {
    this.#expected -= 1;
    this.#closeIfIdle();
  }

  add(feed: RosterFeed): void {
    this.#feeds.add(feed);
  }

  news(feed: RosterFeed): void {
    this.#rounds.add(feed);
  }

  closed(feed: RosterFeed): void {
    this.#feeds.delete(feed);
    this.#closeIfIdle();
  }

  #closeIfIdle(): void {
    if (this.#feeds.size === 0 && this.#expected === 0 && !this.#closed) this.#whenIdle();
  }

  /** Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#people.unwatch(this.#friends, this);
    for (const feed of [...this.#feeds]) await feed.return();
    await this.#unlisten?.().catch((error: unknown) => {
      this.#log.debug({ err: error }, 'could not stop listening to a friend list');
    });
  }

  nudge(): void {
    for (const feed of this.#feeds) feed.nudge();
  }

  personChanged(userId: UserId, before: PresenceRecord, after: PresenceRecord): void {
    // Who is about to come onto the list is shown when they are on it.
    if (!this.#friends.has(userId)) return;
    if (sameView(view(before, this.viewer), view(after, this.viewer))) return;
    for (const feed of this.#feeds) feed.mark(userId);
  }

  friendIds(): Iterable<UserId> {
    return this.#friends;
  }

  isFriend(userId: UserId): boolean {
    return this.#friends.has(userId);
  }

  record(userId: UserId): PresenceRecord | undefined {
    return this.#people.record(userId);
  }

  listVersion(): Revision {
    return this.#list.version;
  }

  lineage(): string {
    return this.#people.lineage;
  }

  applied(): Revision {
    return this.#people.applied;
  }

  stale(): boolean {
    return this.#people.stale;
  }

  listChangesSince(version: Revision): ListChanges | null {
    if (version < this.#list.floor || version > this.#list.version) return null;
    const changed = this.#list.entries.filter((entry) => entry.version > version);
    return {
      added: changed.filter(({ relation }) => relation === 'friend').map(({ id }) => id),
      removed: changed.filter(({ relation }) => relation !== 'friend').map(({ id }) => id),
    };
  }

  async #take(list: FriendList): Promise<void> {
    const friends = new Set<UserId>();
    for (const { id, relation } of list.entries) if (relation === 'friend') friends.add(id);
    const added = [...friends].filter((id) => !this.#friends.has(id));
    const removed = [...this.#friends].filter((id) => !friends.has(id));
    // Who is gone goes at once, even when whoever is new cannot be loaded now.
    const told = new Set(this.#feeds);
    if (removed.length > 0) {
      this.#friends = new Set([...this.#friends].filter((id) => friends.has(id)));
      this.#people.unwatch(removed, this);
      for (const feed of told) for (const id of removed) feed.drop(id);
    }
    await this.#people.watch(added, this);
    if (this.#closed) {
      this.#people.unwatch(added, this);
      return;
    }
    // One who was removed and added again since the last reading is on both lists, but with a newer version.
    const again = list.entries.filter(
      ({ id, relation, version }) => relation === 'friend' && version > this.#list.version && this.#friends.has(id),
    );
    this.#friends = friends;
    this.#list = list;
    for (const feed of this.#feeds) {
      // One that began meanwhile has gone by the list before.
      if (!told.has(feed)) for (const id of removed) feed.drop(id);
      for (const id of added) feed.mark(id);
      for (const { id } of again) feed.mark(id);
    }
  }
}
