import type { PresenceRecord, UserId } from '../presence/record.ts';
import { EMPTY_RECORD, view } from '../presence/record.ts';
import { NEVER, type Revision } from '../presence/time.ts';
import { cursorScope, decodeCursor, encodeCursor, type Position } from './cursor.ts';
import type { Teller } from './rounds.ts';
import type { FriendView, RosterOptions, RosterUpdate, UpdateFeed } from './update.ts';

/** What a feed reads when it makes a frame: always the newest. */
export interface FeedSource {
  readonly viewer: UserId;
  friendIds(): Iterable<UserId>;
  isFriend(userId: UserId): boolean;
  /** The friend's newest known record. */
  record(userId: UserId): PresenceRecord | undefined;
  /** The version of the friend list that the feed has been told about in full. */
  listVersion(): number;
  /** Names the data that is shown, so that no cursor is taken for one of other data. */
  lineage(): string;
  /** Everything up to this revision has been applied. */
  applied(): number;
  stale(): boolean;
  /** What of the friend list changed after `version`; null where that is no longer known. */
  listChangesSince(version: number): ListChanges | null;
  /** The feed has news: it wants to be told so, together with others. */
  news(feed: RosterFeed): void;
  closed(feed: RosterFeed): void;
}

export interface ListChanges {
  readonly added: readonly UserId[];
  readonly removed: readonly UserId[];
}

/** How far ahead of the store's time a cursor may be before it is taken for none of ours, µs. */
const CURSOR_SLACK = 10_000_000;

/**
 * How long after it was shown a revision that had been ahead of `applied` is claimed, ms: by then it is applied whatever
 * else goes on at the node. A cursor that followed sooner would tell of changes that the viewer must not know of.
 */
const CLAIM_MS = 2_000;
/** What was shown within this time is claimed together, ms; and how many such spans are kept apart at most. */
const SPAN_MS = 250;
const MOST_SPANS = 16;

/** A span of time in which views were shown that were ahead of `applied`. */
interface Ahead {
  readonly begun: number;
  lastShown: number;
  newest: Revision;
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
  #scope: string;
  /** It goes on from the cursor that it was given. */
  readonly resumed: boolean;
  readonly #dirty = new Set<UserId>();
  readonly #removed = new Set<UserId>();
  #position: Position = { presence: NEVER, friends: NEVER };
  /** The oldest first. No cursor claims them yet. */
  #ahead: Ahead[] = [];
  #start: 'reset' | 'resume' | null;
  #toldStale = false;
  #lastFrameAt = Number.NEGATIVE_INFINITY;
  /** Of a `next` that waits. */
  #wake: (() => void) | null = null;
  #listener: (() => void) | null = null;
  #timer: NodeJS.Timeout | undefined;
  #ended = false;

  /** `now` is the store's time in µs: no cursor of ours can be ahead of it. */
  constructor(source: FeedSource, options: RosterOptions, now: number) {
    this.#source = source;
    this.#only = options.only;
    this.#coalesceMs = options.coalesceMs;
    this.#lineage = source.lineage();
    this.#scope = cursorScope(this.#lineage, source.viewer, options.only);
    this.resumed = this.#resume(options.after, now);
    this.#start = this.resumed ? 'resume' : 'reset';
  }

  /** The friend looks different to this viewer, or is a friend from now on. */
  mark(userId: UserId): void {
    if (!this.#wants(userId)) return;
    this.#removed.delete(userId);
    this.#dirty.add(userId);
    this.#source.news(this);
  }

  /** No longer a friend. */
  drop(userId: UserId): void {
    if (!this.#wants(userId)) return;
    this.#dirty.delete(userId);
    this.#removed.add(userId);
    this.#source.news(this);
  }

  /** Something that every feed must tell, such as staleness, may have changed. */
  nudge(): void {
    this.#source.news(this);
  }

  take(): RosterUpdate | null {
    if (this.#ended || !this.#hasNews()) return null;
    const wait = this.#lastFrameAt + this.#coalesceMs - performance.now();
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
      this.#source.closed(this);
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

  #hasNews(): boolean {
    return (
      this.#start !== null || this.#dirty.size > 0 || this.#removed.size > 0 || this.#source.stale() !== this.#toldStale
    );
  }

  /** Wakes whoever reads. News do not shorten the wait between two frames; only the end does. */
  tell(): void {
    if (this.#timer && !this.#ended) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
    this.#listener?.();
  }

  #resume(after: string | null, now: number): boolean {
    const position = after === null ? null : decodeCursor(this.#scope, after);
    if (position === null || position.presence > now + CURSOR_SLACK) return false;
    const list = this.#source.listChangesSince(position.friends);
    if (list === null) return false;
    this.#position = position;
    for (const id of list.added) if (this.#wants(id)) this.#dirty.add(id);
    for (const id of list.removed) if (this.#wants(id)) this.#removed.add(id);
    for (const id of this.#mine()) if (this.#view(id).rev > position.presence) this.#dirty.add(id);
    return true;
  }

  *#mine(): Iterable<UserId> {
    for (const id of this.#only ?? this.#source.friendIds()) if (this.#source.isFriend(id)) yield id;
  }

  #view(userId: UserId): FriendView['view'] {
    return view(this.#source.record(userId) ?? EMPTY_RECORD, this.#source.viewer);
  }

  #frame(): RosterUpdate {
    this.#followLineage();
    const reset = this.#start === 'reset';
    const ids = reset ? [...this.#mine()] : [...this.#dirty];
    const changes: FriendView[] = [];
    const applied = this.#source.applied();
    let newest = this.#claim(applied);
    let ahead = NEVER;
    for (const id of ids) {
      if (!this.#source.isFriend(id)) continue;
      const shown = this.#view(id);
      // A cursor never claims what may not have reached this node yet; nor does it tell of what others do.
      if (shown.rev <= applied) newest = Math.max(newest, shown.rev);
      else ahead = Math.max(ahead, shown.rev);
      changes.push({ id, view: shown });
    }
    const removed = reset ? [] : [...this.#removed];
    this.#start = null;
    this.#dirty.clear();
    this.#removed.clear();
    this.#toldStale = this.#source.stale();
    this.#lastFrameAt = performance.now();
    if (ahead !== NEVER) this.#noteAhead(ahead, this.#lastFrameAt);
    this.#position = { presence: Math.max(this.#position.presence, newest), friends: this.#source.listVersion() };
    return { reset, changes, removed, cursor: encodeCursor(this.#scope, this.#position), stale: this.#toldStale };
  }

  #noteAhead(rev: Revision, now: number): void {
    const last = this.#ahead.at(-1);
    if (last && (now - last.begun < SPAN_MS || this.#ahead.length >= MOST_SPANS)) {
      last.lastShown = now;
      last.newest = Math.max(last.newest, rev);
    } else {
      this.#ahead.push({ begun: now, lastShown: now, newest: rev });
    }
  }

  /** What was shown in earlier frames, and can be claimed by now: NEVER where there is nothing. */
  #claim(applied: Revision): Revision {
    const longAgo = performance.now() - CLAIM_MS;
    let newest = NEVER;
    for (let span = this.#ahead[0]; span; span = this.#ahead[0]) {
      if (span.newest > applied || span.lastShown > longAgo) break;
      newest = Math.max(newest, span.newest);
      this.#ahead.shift();
    }
    return newest;
  }

  /** Revisions of a store that lost writes say nothing about what was shown before: a resume then brings everybody. */
  #followLineage(): void {
    const lineage = this.#source.lineage();
    if (lineage === this.#lineage) return;
    this.#lineage = lineage;
    this.#scope = cursorScope(lineage, this.#source.viewer, this.#only);
    this.#position = { ...this.#position, presence: NEVER };
    this.#ahead = [];
    // What was shown elsewhere is not known here, so neither is how it differs from what there is now.
    if (this.#start === 'resume') this.#start = 'reset';
    else if (this.resumed) for (const id of this.#mine()) this.#dirty.add(id);
  }
}
