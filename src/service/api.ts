import type { Explanation } from '../presence/explain.ts';
import type {
  Activity,
  ClientKind,
  PresenceRecord,
  PresenceStatus,
  Session,
  UserId,
  View,
} from '../presence/record.ts';
import type { Millis } from '../presence/time.ts';
import type { RosterOptions, UpdateFeed } from '../roster/update.ts';

/** Who asks, and over which open connection if it can keep a session alive. */
export interface Caller {
  readonly userId: UserId;
  /** Speaks for the application's backend: scope presence:admin. */
  readonly admin: boolean;
  /** The id of the caller's open WebSocket, else null. */
  readonly connection: string | null;
}

/** What a viewer may know of some user. */
export interface Seen {
  readonly id: UserId;
  readonly isFriend: boolean;
  /** Null where the viewer may not know. */
  readonly view: View | null;
}

export interface PageArguments {
  readonly first: number;
  readonly after: string | null;
}

export interface Page<T> {
  readonly items: readonly { readonly node: T; readonly cursor: string }[];
  readonly hasNextPage: boolean;
  readonly hasPreviousPage: boolean;
  /** How many there are in all, on every page together. */
  readonly totalCount: number;
}

export interface FriendPage extends Page<Seen> {
  /** How many of all friends are ONLINE, whatever the filter. */
  readonly onlineCount: number;
}

export interface HeartbeatInput {
  readonly sessionId: string;
  readonly client: ClientKind;
  readonly activity: Activity;
  readonly bindToConnection: boolean;
}

export interface HeartbeatResult {
  readonly session: Session;
  readonly record: PresenceRecord;
  /** Null when the session is bound to a connection. */
  readonly nextHeartbeatMs: number | null;
}

export interface OverrideInput {
  readonly status: PresenceStatus;
  readonly source: string;
  readonly priority: number;
  readonly expiresAt: Millis | null;
}

export interface CustomStatusInput {
  readonly text: string | null;
  readonly emoji: string | null;
  readonly expiresAt: Millis | null;
}

export interface VisibilityInput {
  readonly invisible: boolean | null;
  readonly hideFrom: readonly UserId[];
  readonly showTo: readonly UserId[];
}

/** Pulled by its one reader; `return` ends it, also while a `next` waits. It ends with undefined. */
export type Stream<T> = AsyncIterableIterator<T, undefined, undefined>;

/**
 * Everything that Rollcall does for callers. Inputs are checked here, so every door gives the same answers; what is
 * refused rejects with RollcallError.
 */
export interface Rollcall {
  // Reading
  record(userId: UserId): Promise<PresenceRecord>;
  explain(record: PresenceRecord): Explanation;
  /** In the order of `ids`; at most MAX_IDS. */
  see(viewer: UserId, ids: readonly UserId[]): Promise<Seen[]>;
  friends(viewer: UserId, page: PageArguments, statuses: readonly PresenceStatus[] | null): Promise<FriendPage>;
  friendRequests(viewer: UserId, page: PageArguments): Promise<Page<Seen>>;
  blocked(viewer: UserId, page: PageArguments): Promise<Page<Seen>>;

  // Presence
  heartbeat(caller: Caller, input: HeartbeatInput): Promise<HeartbeatResult>;
  endSession(caller: Caller, sessionId: string): Promise<PresenceRecord>;
  setOverride(caller: Caller, input: OverrideInput): Promise<PresenceRecord>;
  clearOverride(caller: Caller, source: string): Promise<PresenceRecord>;
  setCustomStatus(caller: Caller, input: CustomStatusInput): Promise<PresenceRecord>;
  setVisibility(caller: Caller, input: VisibilityInput): Promise<PresenceRecord>;

  // Friends: each resolves with how the caller sees the other one afterwards
  addFriend(caller: Caller, userId: UserId): Promise<Seen>;
  removeFriend(caller: Caller, userId: UserId): Promise<Seen>;
  blockUser(caller: Caller, userId: UserId): Promise<Seen>;
  unblockUser(caller: Caller, userId: UserId): Promise<Seen>;
  /** FORBIDDEN unless the caller is admin. */
  syncFriends(
    caller: Caller,
    userId: UserId,
    friendIds: readonly UserId[],
  ): Promise<{ added: number; removed: number }>;

  // Streams: iterate once; `return` ends and frees them. The first item comes at once.
  watchRoster(viewer: UserId, options: RosterOptions): Promise<UpdateFeed>;
  /** The viewer's own record, newest state, whenever something in it that the viewer can see has changed. */
  watchViewer(viewer: UserId): Promise<Stream<PresenceRecord>>;

  /** A connection is open from now on: sessions may be bound to it. */
  connectionOpened(connection: string): void;
  /** A connection that sessions were bound to has closed. Never rejects. */
  connectionClosed(connection: string): Promise<void>;
  /** Whether the store is in reach, so that requests can be served. */
  ready(): boolean;
}

/** Bounds on what callers hand in. */
export const MAX_IDS = 500;
export const MAX_ID_LENGTH = 256;
export const MAX_PAGE = 500;
export const MAX_COALESCE_MS = 60_000;
