import type { UserId, View } from '../presence/record.ts';

/** One frame of a roster stream. */
export interface RosterUpdate {
  /** `changes` is the whole roster: forget what you held. */
  readonly reset: boolean;
  /** The newest state of each friend that changed, at most one entry a friend. */
  readonly changes: readonly FriendView[];
  /** No longer on the roster. */
  readonly removed: readonly UserId[];
  /** Hand it to `after`, on any node, to go on from here. */
  readonly cursor: string;
  /** The store is out of reach and this may be behind. */
  readonly stale: boolean;
}

export interface FriendView {
  readonly id: UserId;
  readonly view: View;
}

export interface RosterOptions {
  /** Only these friends; null for all. */
  readonly only: ReadonlySet<UserId> | null;
  /** A cursor of an earlier stream, or null. */
  readonly after: string | null;
  /** No two frames closer together than this. */
  readonly coalesceMs: number;
}

/** A stream of updates, taken by one reader: either by iterating or, without a promise a frame, by `onNews` and `take`. */
export interface UpdateFeed extends AsyncIterableIterator<RosterUpdate, undefined, undefined> {
  /** The next update, made from the newest state; null while there is none to give, or too soon after the last one. */
  take(): RosterUpdate | null;
  /** Called whenever `take` may have become able to give one, and at the end. */
  onNews(listener: () => void): void;
  readonly ended: boolean;
}
