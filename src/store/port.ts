import type { NodeId, PresenceRecord, UserId } from '../presence/record.ts';
import type { Clock, Millis, Revision } from '../presence/time.ts';

/**
 * Where presence lives. A store only loads records and commits one at a time by compare-and-set; what a record means is
 * the reducer's business. Every method rejects with RollcallError UNAVAILABLE while the store cannot be reached.
 */
export interface PresenceStore {
  /** The store's own clock. */
  readonly clock: Clock;
  /**
   * Names this dataset and its lineage: another one, this one emptied, or one that may have lost writes that it had
   * told of, has another name. Cursors of another lineage are unknown. Throws UNAVAILABLE before the first contact.
   */
  lineage(): string;
  /**
   * Whether who has been told of a change, or that it was missed, has been told so of every earlier one, of whatever
   * partition. Where messages can be lost it is not so, for the next one may be of another partition, nor where revisions are
   * not one order: there only `caughtUp` says up to where everything has been told.
   */
  readonly gapless: boolean;
  /** How many partitions user ids are spread over: fixed for a dataset. */
  readonly partitions: number;
  /** The partition that holds this user: from 0 to `partitions` - 1, the same on every node. */
  partitionOf(userId: UserId): number;
  /** Whether the store, or with one that is spread over several servers a part of it, is in reach now. */
  ready(): boolean;
  /**
   * Whether, as far as is known, all of the store is in reach, and all that `lineage` names is still what it was. Where
   * not, somebody may be saying something somewhere that cannot be heard.
   */
  whole(): boolean;
  /** Asks each part of the store and resolves with whether all have answered and it is `whole`. Never rejects. */
  reach(): Promise<boolean>;

  /** The newest committed records, in the order of `ids`; EMPTY_RECORD for who was never stored. */
  load(ids: readonly UserId[]): Promise<PresenceRecord[]>;

  /**
   * Replaces the record if it is still at `previous.rev`. Atomically gives it its revision (which also stamps its
   * UNCOMMITTED views), moves its deadline and the member sets of nodes, and, where `visible`, appends to its
   * partition's change log and publishes. Of any number of racing commits on one revision exactly one succeeds.
   */
  commit(commit: Commit): Promise<CommitResult>;

  /** Users whose deadline is at or before `now`, the earliest first, `limit` at most. They stay due until committed. */
  due(now: Millis, limit: number): Promise<UserId[]>;

  /**
   * Follows the changes of one partition. Resolves once nothing that is committed from then on can be missed. Records
   * arrive in the order of their commits, each at least once; after a loss `missed` names what to load again.
   */
  listen(partition: number, listener: PresenceListener): Promise<Unlisten>;

  /**
   * False while it is known that some change was not told which came before one that was, and `missed` has not named it yet.
   */
  unbroken(): boolean;

  /**
   * Resolves with a revision such that every change up to it, in the partitions that are listened to, has been told:
   * a barrier between what others have seen already and what a new stream starts from.
   */
  caughtUp(): Promise<Revision>;

  readonly leases: NodeLeases;

  /** Idempotent. Pending calls settle; none is accepted afterwards. */
  close(): Promise<void>;
}

export interface Commit {
  readonly userId: UserId;
  readonly previous: PresenceRecord;
  readonly record: PresenceRecord;
  readonly wakeAt: Millis | null;
  /** Publish; otherwise only the record and its deadline are written. */
  readonly visible: boolean;
}

export type CommitResult =
  | { readonly committed: true; readonly record: PresenceRecord }
  /** Somebody else was first; `record` is what stands now. */
  | { readonly committed: false; readonly record: PresenceRecord };

export interface PresenceListener {
  changed(userId: UserId, record: PresenceRecord): void;
  /** Changes were missed: of these users, or, for null, perhaps of everybody in the partition. */
  missed(userIds: readonly UserId[] | null): void;
  /** The store is out of reach: what is known may be old. */
  lost(): void;
  /** In reach again; `missed` has been told first. */
  restored(): void;
}

/** Idempotent; after it resolves the listener is not called again. */
export type Unlisten = () => Promise<void>;

export interface LostNode {
  readonly node: NodeId;
  readonly renewedAt: Millis;
}

export interface LeaseTerms {
  /** How long it lasts without being renewed. */
  readonly ms: Millis;
  /** What the node goes by, in a text that others compare with theirs. */
  readonly settings: string;
}

/** One lease a node incarnation stands for all connections that it holds. */
export interface NodeLeases {
  /**
   * Takes the lease of a new incarnation (`first`) or renews it. False: it was not renewed in time or is unknown, and
   * the node must go on under a new incarnation.
   */
  renew(node: NodeId, terms: LeaseTerms, first: boolean): Promise<boolean>;
  /** Incarnations that have not renewed for as long as they themselves have said that their lease lasts. */
  lost(): Promise<LostNode[]>;
  /**
   * Finds incarnations to which somebody is bound and of whose lease nothing is known, as in a store that has lost writes,
   * and gives each one on these terms, as if it had been renewed now. Resolves with how many there were.
   */
  adopt(terms: LeaseTerms): Promise<number>;
  /** The different settings of all incarnations that have not been found lost. */
  settings(): Promise<string[]>;
  /** Users with a session bound to `node`, in pages: `limit` at most; commits that unbind them take them out. */
  members(node: NodeId, limit: number): Promise<UserId[]>;
  /** Removes an incarnation whose members have all been dealt with, or that leaves in good order. */
  forget(node: NodeId): Promise<void>;
}

/** The revision that orders `a` behind `b`: for listeners that may be told of one record twice. */
export function isNewer(a: { readonly rev: Revision }, b: { readonly rev: Revision } | undefined): boolean {
  return b === undefined || a.rev > b.rev;
}
