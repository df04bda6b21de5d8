import { unavailable } from '../errors.ts';
import type { FriendGraph } from '../friends/port.ts';
import type { Logger } from '../log.ts';
import type { PresenceRecord, UserId } from '../presence/record.ts';
import type { PresenceStore } from '../store/port.ts';
import { RevisionTexts } from './cursor.ts';
import { RosterFeed } from './feed.ts';
import { Gate } from './gate.ts';
import { OwnFeed } from './own-feed.ts';
import { People, type RecordsSource } from './people.ts';
import { Roster, type RosterParts } from './roster.ts';
import { Rounds } from './rounds.ts';
import type { RosterOptions } from './update.ts';

/**
 * How many rosters are read at once. When everybody comes back at the same time, or the store does, it is asked for this
 * much, and between two of them there is room for the changes of those who are here already.
 */
const READINGS_AT_ONCE = 64;
/** A part of the store may be away for a moment only, as where a slot of a Redis Cluster moves. */
const SOON_MS = 1_000;
const NONE: ReadonlySet<number> = new Set();

/** Who watches whom on this node. Opens what a stream needs and closes it with the last stream that needs it. */
export class Hub {
  readonly #store: PresenceStore;
  readonly #graph: FriendGraph;
  readonly #log: Logger;
  readonly #people: People;
  readonly #parts: RosterParts;
  readonly #rosters = new Map<UserId, Roster>();
  /** Those among them that are not ready yet. */
  readonly #opening = new Map<Roster, Promise<void>>();
  readonly #ownFeeds = new Set<OwnFeed>();
  #lineage: string | null = null;
  #closed = false;

  constructor(store: PresenceStore, graph: FriendGraph, log: Logger, records: RecordsSource) {
    this.#store = store;
    this.#graph = graph;
    this.#log = log;
    this.#people = new People(store, log, records, () => this.#staleChanged());
    this.#parts = {
      graph,
      people: this.#people,
      readings: new Gate(READINGS_AT_ONCE),
      rounds: new Rounds(),
      texts: new RevisionTexts(),
      log,
      idle: (roster) => this.#discard(roster),
    };
  }

  /**
   * A stream of the viewer's friends, not older than this call in any part. Rejects with UNAVAILABLE where the store
   * is away and this node does not know the roster from another stream, or cannot go on from where the caller stopped: it
   * might have been told less than the caller. If it can, the stream begins stale.
   */
  async watchRoster(viewer: UserId, options: RosterOptions): Promise<RosterFeed> {
    const known = this.#rosters.get(viewer);
    const roster = known ?? this.#create(viewer);
    roster.hold();
    try {
      await this.#opening.get(roster);
      const behind = await this.#renew(known, options.after !== null);
      const feed = new RosterFeed(roster, options, this.#store.clock.now() * 1000, behind);
      // What has been read may be of other data already than what the caller was told of.
      const sure = feed.resumed && this.#people.lineage === this.#store.lineage();
      if (this.#people.stale && options.after !== null && !sure) {
        throw unavailable('This node cannot go on from this cursor while the store is away.');
      }
      roster.add(feed);
      if (this.#closed) await feed.return();
      return feed;
    } finally {
      roster.release();
    }
  }

  async watchViewer(viewer: UserId, current: () => Promise<PresenceRecord>): Promise<OwnFeed> {
    const feed = new OwnFeed(viewer, this.#people, this.#graph, this.#log, () => this.#ownFeeds.delete(feed));
    this.#ownFeeds.add(feed);
    await feed.open(current);
    if (this.#closed) await feed.return();
    return feed;
  }

  /** Idempotent; ends all streams. */
  async close(): Promise<void> {
    this.#closed = true;
    const rosters = [...this.#rosters.values()].map((roster) => roster.close());
    const ownFeeds = [...this.#ownFeeds].map((feed) => feed.return());
    this.#rosters.clear();
    await Promise.all([...rosters, ...ownFeeds]);
    await this.#people.close();
  }

  /**
   * Resolves when a roster that was open before, and all who are watched, are known as they are from now on; while the store
   * is away with the partitions of which that cannot be said. `again`: not without another attempt, where it is back soon.
   * Rejects UNAVAILABLE.
   */
  async #renew(known: Roster | undefined, again: boolean): Promise<ReadonlySet<number>> {
    const [list, presence] = await Promise.allSettled([known?.freshen(), this.#people.catchUp()]);
    const { behind, stale } = this.#people;
    for (const part of [list, presence]) if (part.status === 'rejected' && !stale) throw part.reason;
    if (presence.status === 'fulfilled') return NONE;
    return again && (await this.#people.recovers(SOON_MS)) ? this.#renew(known, false) : behind;
  }

  #staleChanged(): void {
    const { lineage, stale } = this.#people;
    const replaced = !stale && lineage !== this.#lineage;
    this.#lineage = lineage;
    for (const roster of this.#rosters.values()) {
      roster.nudge();
      // Data that are not the same as before have other friend lists as well.
      if (replaced) roster.outdate();
    }
  }

  #create(viewer: UserId): Roster {
    const roster = new Roster(viewer, this.#parts);
    this.#rosters.set(viewer, roster);
    const opened = roster.open().then(
      () => void this.#opening.delete(roster),
      (error: unknown) => {
        this.#opening.delete(roster);
        this.#discard(roster);
        throw error;
      },
    );
    // Whoever waits for it is told of its failure; nobody need wait.
    opened.catch(() => undefined);
    this.#opening.set(roster, opened);
    return roster;
  }

  #discard(roster: Roster): void {
    if (this.#rosters.get(roster.viewer) !== roster) return;
    this.#rosters.delete(roster.viewer);
    void roster.close();
  }
}
