import { EMPTY_RECORD, type UserId, view } from '../presence/record.ts';
import { NEVER, type Revision } from '../presence/time.ts';
import { Ahead } from './ahead.ts';
import { cursorPrefix, cursorScope, decodeCursor, encodeCursor } from './cursor.ts';
import { Marks } from './marks.ts';
import type { Person } from './person.ts';
import type { Teller } from './rounds.ts';
import type { FriendView, RosterOptions, RosterUpdate, UpdateFeed } from './update.ts';

/** What a feed reads when it makes a frame: always the newest. */
export interface FeedSource {
  readonly viewer: UserId;
  readonly friends: readonly Person[];
  /** Names the data that is shown, so that no cursor is taken for one of other data. */
  readonly lineage: string;
  /** Everything up to this revision has been applied. */
  readonly applied: Revision;
  readonly stale: boolean;
  /** The version of the friend list that the feed has been told about in full, as it is in a cursor. */
  readonly listVersion: string;
  /** The same of any revision. */
  textOf(revision: Revision): string;
  /** What of the friend list changed after `version`; null where that is not known any more. */
  listChangesSince(version: Revision): ListChanges | null;
  /** The feed has news: it wants to be told so, together with others. */
  news(feed: RosterFeed): void;
  remove(feed: RosterFeed): void;
}

export interface ListChanges {
  readonly added: readonly Person[];
  readonly removed: readonly UserId[];
}

const NOBODY: readonly UserId[] = [];

/** How far ahead of the store's time a cursor may be before it is taken for none of ours, µs. */
const CURSOR_SLACK = 10_000_000;

/**
 * While the store is away this node may know less of these partitions than the caller has been shown elsewhere. Until it is
 * back nobody of them is shown, and the cursor stays where it was.
 */
interface Behind {
  readonly partitions: ReadonlySet<number>;
  readonly cursor: string;
}

/**
 * One viewer's stream. It holds whom to show next, never a queue of what happened, and is pulled: whoever is slow gets the
 * newest state late, and costs no more than the roster.
 */
export class RosterFeed implements UpdateFeed, Teller {
  queued = false;
  readonly #source: FeedSource;
  readonly #only: ReadonlySet<UserId> | null;
  readonly #coalesceMs: number;
  #lineage: string;
  #cursorPrefix: string;
  /** It goes on from the cursor that it was given. */
  readonly resumed: boolean;
  /** Whom to show next; null for nobody. No friend of the viewer's is missing who looks different from what was shown. */
  #dirty: Marks<Person> | null = null;
  #removed: Set<UserId> | null = null;
  /** Every view up to this revision has been shown. */
  #shown: Revision = NEVER;
  /** What no cursor claims yet; null for nothing. */
  #ahead: Ahead | null = null;
  #start: 'reset' | 'resume' | null;
  /** Null where this node knows all that the caller may have been shown already. */
  #behind: Behind | null;
  #toldStale = false;
  /** Kept only where frames have to be apart. */
  #lastFrameAt: number | null = null;
  /** Of a `next` that waits. */
  #wake: (() => void) | null = null;
  #listener: (() => void) | null = null;
  #timer: NodeJS.Timeout | undefined;
  #ended = false;

  /**
   * `now` is the store's time in µs: no cursor of ours can be ahead of it. `behind` are the partitions of which is not known
   * how they are now, because the store is away.
   */
  constructor(source: FeedSource, options: RosterOptions, now: number, behind: ReadonlySet<number>) {
    this.#source = source;
    this.#only = options.only;
    this.#coalesceMs = options.coalesceMs;
    this.#lineage = source.lineage;
    const scope = cursorScope(this.#lineage, source.viewer, options.only);
    this.#cursorPrefix = cursorPrefix(scope);
    this.resumed = this.#resume(scope, options.after, now);
    this.#start = this.resumed ? 'resume' : 'reset';
    const { after } = options;
    this.#behind = this.resumed && after !== null && behind.size > 0 ? { partitions: behind, cursor: after } : null;
  }

  /** The friend looks different to this viewer, or is a friend from now on. */
  mark(friend: Person): void {
    if (!this.#wants(friend.id)) return;
    this.#removed?.delete(friend.id);
    this.#mark(friend);
    this.#source.news(this);
  }

  /** No longer a friend. */
  drop(friend: Person): void {
    if (!this.#wants(friend.id)) return;
    this.#dirty?.delete(friend);
    this.#removed ??= new Set();
    this.#removed.add(friend.id);
    this.#source.news(this);
  }

  /** Something that every feed must tell, such as staleness, may have changed. */
  nudge(): void {
    this.#source.news(this);
  }

  take(): RosterUpdate | null {
    if (!this.#source.stale) this.#behind = null;
    if (this.#ended || !this.#hasNews()) return null;
    const wait = this.#lastFrameAt === null ? 0 : this.#lastFrameAt + this.#coalesceMs - performance.now();
    if (wait <= 0) return this.#frame();
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.tell();
    }, wait);
    return null;
  }

  onNews(listener: () => void): void {
    this.#listener = listener;
  }

  get ended(): boolean {
    return this.#ended;
  }

  async next(): Promise<IteratorResult<RosterUpdate, undefined>> {
    while (!this.#ended) {
      const value = this.take();
      if (value !== null) return { done: false, value };
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return { done: true, value: undefined };
  }

  /** Idempotent; a `next` that waits resolves as done. */
  async return(): Promise<IteratorResult<RosterUpdate, undefined>> {
    if (!this.#ended) {
      this.#ended = true;
      this.#source.remove(this);
      this.tell();
    }
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #wants(userId: UserId): boolean {
    return this.#only === null || this.#only.has(userId);
  }

  #mark(friend: Person): void {
    if (this.#dirty) this.#dirty.add(friend);
    else this.#dirty = new Marks(friend);
  }

  #hasNews(): boolean {
    const dirty = this.#dirty;
    return (
      (dirty !== null && (this.#behind ? dirty.all.some((friend) => !this.#isBehind(friend)) : !dirty.empty)) ||
      this.#start !== null ||
      (this.#removed !== null && this.#removed.size > 0) ||
      this.#source.stale !== this.#toldStale
    );
  }

  /** Wakes whoever reads. News do not shorten the wait between two frames; only the end does. */
  tell(): void {
    if (this.#timer) {
      if (!this.#ended) return;
      clearTimeout(this.#timer);
      this.#timer = undefined;
    }
    const wake = this.#wake;
    if (wake) {
      this.#wake = null;
      wake();
    }
    this.#listener?.();
  }

  #resume(scope: string, after: string | null, now: number): boolean {
    const position = after === null ? null : decodeCursor(scope, after);
    if (position === null || position.presence > now + CURSOR_SLACK) return false;
    const list = this.#source.listChangesSince(position.friends);
    if (list === null) return false;
    this.#shown = position.presence;
    for (const friend of list.added) if (this.#wants(friend.id)) this.#mark(friend);
    const removed = list.removed.filter((id) => this.#wants(id));
    if (removed.length > 0) this.#removed = new Set(removed);
    for (const friend of this.#mine()) if (this.#view(friend).rev > position.presence) this.#mark(friend);
    return true;
  }

  #isBehind({ partition }: Person): boolean {
    return this.#behind?.partitions.has(partition) ?? false;
  }

  #mine(): readonly Person[] {
    const { friends } = this.#source;
    return this.#only === null ? friends : friends.filter(({ id }) => this.#wants(id));
  }

  #view(friend: Person): FriendView['view'] {
    return view(friend.record ?? EMPTY_RECORD, this.#source.viewer);
  }

  #frame(): RosterUpdate {
    this.#followLineage();
    const source = this.#source;
    const reset = this.#start === 'reset';
    const marked = reset ? this.#mine() : (this.#dirty?.all ?? []);
    const friends = this.#behind === null ? marked : marked.filter((friend) => !this.#isBehind(friend));
    const changes = friends.map((friend): FriendView => ({ id: friend.id, view: this.#view(friend) }));
    const applied = this.#behind === null ? source.applied : NEVER;
    let newest = Math.max(this.#shown, this.#claim(applied));
    let ahead = NEVER;
    for (const { view: shown } of changes) {
      // A cursor never claims what may not have reached this node yet; nor does it tell of what others do.
      if (shown.rev > applied) ahead = Math.max(ahead, shown.rev);
      else if (shown.rev > newest) newest = shown.rev;
    }
    const removed = reset || this.#removed === null ? NOBODY : [...this.#removed];
    this.#start = null;
    this.#dirty = null;
    if (this.#behind !== null) for (const friend of marked) if (this.#isBehind(friend)) this.#mark(friend);
    this.#removed = null;
    this.#toldStale = source.stale;
    if (this.#coalesceMs > 0) this.#lastFrameAt = performance.now();
    if (ahead !== NEVER) {
      if (this.#ahead) this.#ahead.note(ahead);
      else this.#ahead = new Ahead(ahead);
    }
    this.#shown = newest;
    const cursor = this.#behind?.cursor ?? encodeCursor(this.#cursorPrefix, source.textOf(newest), source.listVersion);
    return { reset, changes, removed, cursor, stale: this.#toldStale };
  }

  /** What was shown in earlier frames, and can be claimed by now: NEVER where there is nothing. */
  #claim(applied: Revision): Revision {
    if (this.#ahead === null) return NEVER;
    const newest = this.#ahead.claim(applied);
    if (this.#ahead.empty) this.#ahead = null;
    return newest;
  }

  /** Revisions of a store that lost writes say nothing about what was shown before: a resume then brings everybody. */
  #followLineage(): void {
    const { lineage } = this.#source;
    if (lineage === this.#lineage) return;
    this.#lineage = lineage;
    this.#cursorPrefix = cursorPrefix(cursorScope(lineage, this.#source.viewer, this.#only));
    this.#shown = NEVER;
    this.#ahead = null;
    this.#behind = null;
    // What was shown elsewhere is not known here, so neither is how it differs from what there is now.
    if (this.#start === 'resume') this.#start = 'reset';
    else if (this.resumed) for (const friend of this.#mine()) this.#mark(friend);
  }
}
