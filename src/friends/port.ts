import type { UserId } from '../presence/record.ts';
import type { Revision } from '../presence/time.ts';
import type { Pair, Relate, Relation } from './relation.ts';

/** One line of a user's list. `none` stands for one that was there: a tombstone, kept so that streams can resume. */
export interface FriendEntry {
  readonly id: UserId;
  readonly relation: Relation;
  /** The version of the list at which this line last changed. */
  readonly version: Revision;
}

export interface FriendList {
  /** Grows with every change to this user's list; NEVER for a list that never had a line. */
  readonly version: Revision;
  /** Tombstones of versions up to this one may be gone: a cursor older than it cannot be resumed. */
  readonly floor: Revision;
  /** In code unit order of ids. */
  readonly entries: readonly FriendEntry[];
}

/**
 * Who is whose friend. Every method rejects with RollcallError UNAVAILABLE while the graph cannot be reached.
 * `relate` and each pair of `sync` are atomic: both sides change together or not at all.
 */
export interface FriendGraph {
  list(userId: UserId): Promise<FriendList>;
  /** How `userId` stands to each of `others`, in their order. */
  relations(userId: UserId, others: readonly UserId[]): Promise<Relation[]>;
  /** Applies one change from `userId` towards `other`; resolves with the pair as it stands then. */
  relate(userId: UserId, other: UserId, change: Relate): Promise<Pair>;
  /**
   * Makes exactly `friendIds` the friends of `userId`, without anybody's consent; pairs in which one side blocks the
   * other stay as they are. Counts what was really added and removed.
   */
  sync(userId: UserId, friendIds: readonly UserId[]): Promise<SyncResult>;
  /** Makes each pair friends, as `sync` does, without removing anybody. Resolves with how many pairs were new. */
  befriend(pairs: readonly (readonly [UserId, UserId])[]): Promise<number>;
  /** Follows one user's list. Resolves once no change from then on can be missed; a change may be told more than once. */
  listen(userId: UserId, changed: () => void): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

export interface SyncResult {
  readonly added: number;
  readonly removed: number;
}

/** How many friends, requests and blocked people one list may hold in all. */
export const MAX_FRIENDS = 10_000;
/** How many tombstones a list keeps at least before the oldest may go. */
export const MIN_TOMBSTONES = 1_000;
