import type { Graph } from '../crowd/graph.ts';
import type { ServerProcess } from '../run/server-process.ts';

/** One of those that are measured side by side: a server, how its clients speak, and how users change from outside. */
export interface Contestant {
  /** As on the command line. */
  readonly name: ContestantName;
  /** As in the tables. */
  readonly label: string;
  readonly script: string;
  readonly args: readonly string[];
  /** What it says when it serves; the first group is its port. */
  readonly ready: RegExp;
  /** Null: it has no use for Redis. */
  readonly redis: 'redis' | null;
  readonly dialect: Dialect;
  /** It promises that no viewer is ever shown an older state after a newer one. */
  readonly ordered: boolean;
  /** Null: it takes no heartbeats over plain HTTP. */
  readonly http: HttpDialect | null;
  /** Settings of the server, by their environment names. `friendsFile` has one pair of user ids a line. */
  env(place: Place): Readonly<Record<string, string>>;
  /** The part of the service that changes users, so that the measured server only delivers. */
  openOrigin(place: Place): Promise<Origin>;
}

export type ContestantName = 'rollcall' | 'rollcall-coalesced' | 'stack' | 'socketio' | 'bare';

/** Where a contestant runs. */
export interface Place {
  /** Empty for contestants without Redis. */
  readonly redisUrl: string;
  readonly friendsFile: string;
  /** What users are called; `userId` where it is left out. */
  readonly idOf?: (user: number) => string;
}

/**
 * Another node of the same service, in the driver's process. Users are `userId(0)` and so on. Everything rejects when
 * the service refuses it.
 */
export interface Origin {
  /** Makes the friendships, and lets everybody be seen: online if `online`, with their first mark. */
  seed(graph: Graph, online: boolean, mark: (user: number) => string, done: Seeded): Promise<void>;
  /** Called once when the server runs, before any change. */
  attach(server: ServerProcess): Promise<void>;
  /** Resolves when no change to these users can be missed by who watches them now. */
  whenWatched(users: readonly number[]): Promise<void>;
  /** Resolves when it is committed. */
  change(user: number, mark: string): Promise<void>;
  close(): Promise<void>;
}

/** Is told how many have been written. */
export type Seeded = (what: 'friendships' | 'users', count: number) => void;

/** What a client says and hears over a WebSocket. Frames with marks in them never come here. */
export interface Dialect {
  readonly protocol: string | null;
  path(user: string): string;
  /** To be said as soon as the socket is open, if anything. */
  greeting(user: string): string | null;
  /** Asks for the roster and all changes to it. */
  watch(user: string): readonly string[];
  /** `bound`: the connection is to keep the session alive, where there is such a thing. Null: there are no heartbeats. */
  heartbeat(user: string, id: number, bound: boolean): string | null;
  /** How long a session lives by itself without another heartbeat, ms; null: as long as its connection is open. */
  readonly idleHeartbeatMs: number | null;
  hear(text: string, speaker: Speaker): void;
}

/** Who hears: one client. */
export interface Speaker {
  readonly user: string;
  say(text: string): void;
  /** The server has taken the client in. */
  greeted(): void;
  /** An operation was answered. */
  answered(id: number): void;
  failed(why: string): void;
}

/** How a heartbeat goes over HTTP. */
export interface HttpDialect {
  readonly path: string;
  headers(user: string): readonly string[];
  heartbeat(user: string): string;
  /** Throws when the body is not that of a heartbeat that was taken. */
  check(body: string): void;
}

export function userId(user: number): string {
  return `user-${user}`;
}
