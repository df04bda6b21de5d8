import type { FriendEntry, FriendGraph, FriendList } from '../friends/port.ts';
import type { Logger } from '../log.ts';
import type { UserId } from '../presence/record.ts';
import { NEVER, type Revision } from '../presence/time.ts';
import { type RevisionTexts, writeRevision } from './cursor.ts';
import type { FeedSource, ListChanges, RosterFeed } from './feed.ts';
import type { Gate } from './gate.ts';
import type { People } from './people.ts';
import type { Person, Watcher } from './person.ts';
import type { Rounds } from './rounds.ts';

const NOBODY: readonly Person[] = [];
/** How long to wait before reading a friend list again that the graph could not give. */
const REFRESH_RETRY_MS = 250;

/** What all rosters of a node share. */
export interface RosterParts {
  readonly graph: FriendGraph;
  readonly people: People;
  /** Lists are read through it. */
  readonly readings: Gate;
  readonly rounds: Rounds;
  readonly texts: RevisionTexts;
  readonly log: Logger;
  /** No stream needs this roster any more. */
  idle(roster: Roster): void;
}

/** One viewer's friends on this node, shared by all streams of that viewer, and kept in step with the friend graph. */
export class Roster implements Watcher, FeedSource {
  readonly viewer: UserId;
  readonly #parts: RosterParts;
  #feeds: readonly RosterFeed[] = [];
  /** Streams that are about to be added. */
  #expected = 0;
  #friends: readonly Person[] = [];
  /** Of the list that `#friends` are from. */
  #version: Revision = NEVER;
  #versionText = writeRevision(NEVER);
  /** That list, while a stream is being made that may have to be told what changed in it; it takes far more memory. */
  #list: FriendList | null = null;
  /** Watched already, but not on the list yet. */
  #coming: ReadonlySet<UserId> | null = null;
  #unlisten: (() => Promise<void>) | null = null;
  /** Taken off already, by a list that could not be taken over in all else: its version is not that of the roster. */
  #left: readonly Person[] = NOBODY;
  /** A change was told of, and no reading that would show it has begun. */
  #outdated = false;
  /** The last reading that was asked for, while it is under way. */
  #turn: Promise<void> | null = null;
  #closed = false;

  constructor(viewer: UserId, parts: RosterParts) {
    this.viewer = viewer;
    this.#parts = parts;
  }

  /** Resolves when the friends and their presence are known and followed. */
  async open(): Promise<void> {
    try {
      this.#unlisten = await this.#parts.graph.listen(this.viewer, () => this.outdate());
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
    const read = (): Promise<void> => this.#parts.readings.run(() => this.#read());
    const reading = this.#turn === null ? read() : this.#turn.then(read);
    const turn = reading
      .catch(() => undefined)
      .then(() => {
        if (this.#turn === turn) this.#turn = null;
      });
    this.#turn = turn;
    return reading;
  }

  /** The list may have changed: it is read again, for as long as it takes. */
  outdate(): void {
    if (this.#outdated || this.#closed) return;
    this.#outdated = true;
    this.freshen().catch((error: unknown) => {
      this.#parts.log.debug({ err: error }, 'reading a friend list again failed; trying on');
      setTimeout(() => this.outdate(), REFRESH_RETRY_MS).unref();
    });
  }

  /** Keeps the roster open for a stream that is being made, until `release`. */
  hold(): void {
    this.#expected += 1;
  }

  release(): void {
    this.#expected -= 1;
    if (this.#expected === 0) this.#list = null;
    this.#closeIfIdle();
  }

  add(feed: RosterFeed): void {
    this.#feeds = this.#feeds.concat(feed);
    // It has gone by the version of the list before.
    for (const person of this.#left) feed.drop(person);
  }

  news(feed: RosterFeed): void {
    this.#parts.rounds.add(feed);
  }

  remove(feed: RosterFeed): void {
    this.#feeds = this.#feeds.filter((other) => other !== feed);
    this.#closeIfIdle();
  }

  get closed(): boolean {
    return this.#closed;
  }

  #closeIfIdle(): void {
    if (this.#feeds.length === 0 && this.#expected === 0 && !this.#closed) this.#parts.idle(this);
  }

  /** Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const friends = this.#friends;
    this.#friends = [];
    this.#parts.people.unwatch(friends, this);
    for (const feed of this.#feeds) await feed.return();
    await this.#unlisten?.().catch((error: unknown) => {
      this.#parts.log.debug({ err: error }, 'could not stop listening to a friend list');
    });
  }

  nudge(): void {
    for (const feed of this.#feeds) feed.nudge();
  }

  personChanged(person: Person): void {
    // Who is about to come onto the list is shown when they are on it.
    if (this.#coming?.has(person.id)) return;
    const feeds = this.#feeds;
    for (let index = 0; index < feeds.length; index++) feeds[index]?.mark(person);
  }

  get friends(): readonly Person[] {
    return this.#friends;
  }

  get listVersion(): string {
    return this.#versionText;
  }

  get lineage(): string {
    return this.#parts.people.lineage;
  }

  get applied(): Revision {
    return this.#parts.people.applied;
  }

  get stale(): boolean {
    return this.#parts.people.stale;
  }

  textOf(revision: Revision): string {
    return this.#parts.texts.of(revision);
  }

  listChangesSince(version: Revision): ListChanges | null {
    if (version === this.#version) return { added: [], removed: [] };
    const list = this.#list;
    if (list === null || version < list.floor || version > list.version) return null;
    const changed = list.entries.filter((entry) => entry.version > version);
    const added = new Set(changed.filter(isFriend).map(({ id }) => id));
    return {
      added: this.#friends.filter(({ id }) => added.has(id)),
      removed: changed.filter((entry) => !isFriend(entry)).map(({ id }) => id),
    };
  }

  async #read(): Promise<void> {
    this.#outdated = false;
    if (!this.#closed) await this.#take(await this.#parts.graph.list(this.viewer));
  }

  async #take(list: FriendList): Promise<void> {
    const { people } = this.#parts;
    const ids = list.entries.filter(isFriend).map(({ id }) => id);
    const before = new Map(this.#friends.map((person) => [person.id, person]));
    const added = ids.filter((id) => !before.has(id));
    const removed = this.#leavers(ids);
    // Who is gone goes at once, even when whoever is new cannot be loaded now.
    if (removed.length > 0) {
      this.#left = this.#left.concat(removed);
      for (const { id } of removed) before.delete(id);
      this.#friends = [...before.values()];
      people.unwatch(removed, this);
      for (const feed of this.#feeds) for (const person of removed) feed.drop(person);
    }
    this.#coming = new Set(added);
    try {
      const newcomers = added.length === 0 ? [] : await people.watch(added, this);
      if (this.#closed) {
        people.unwatch(newcomers, this);
        return;
      }
      // One who was removed and added again since the last reading is on both lists, but with a newer version.
      const again = list.entries.flatMap((entry) => {
        const person = isFriend(entry) && entry.version > this.#version ? before.get(entry.id) : undefined;
        return person ? [person] : [];
      });
      // Not spread out and put together again, which would leave room to grow.
      if (newcomers.length > 0) this.#friends = this.#friends.concat(newcomers).sort((a, b) => (a.id < b.id ? -1 : 1));
      this.#follow(list);
      for (const feed of this.#feeds) {
        for (const person of newcomers) feed.mark(person);
        for (const person of again) feed.mark(person);
      }
    } finally {
      this.#coming = null;
    }
  }

  #follow(list: FriendList): void {
    this.#list = this.#expected > 0 ? list : null;
    this.#left = NOBODY;
    if (list.version === this.#version) return;
    this.#version = list.version;
    this.#versionText = writeRevision(list.version);
  }

  /** Those who are not among `ids` any more. */
  #leavers(ids: readonly UserId[]): Person[] {
    if (this.#friends.length === 0) return [];
    const staying = new Set(ids);
    return this.#friends.filter(({ id }) => !staying.has(id));
  }
}

function isFriend({ relation }: FriendEntry): boolean {
  return relation === 'friend';
}
