import type { Redis } from 'ioredis';
import type { Logger } from '../log.ts';
import type { Millis } from '../presence/time.ts';
import type { RedisClock } from './clock.ts';
import type { Subscriber } from './subscriber.ts';

/**
 * What reaches the data, whether it lies on one server, on whichever server sentinels name, or on the masters of a
 * cluster. It is kept up for ever. What cannot be reached fails at once with RollcallError UNAVAILABLE; no call hangs.
 */
export interface RedisConnection {
  /** The data, or with a cluster some part of it, is in reach, and the clock is known. */
  readonly ready: boolean;
  /** No part of the data is out of reach. With one server the same as `ready`. */
  readonly whole: boolean;
  /**
   * Grows whenever a server goes out of reach or comes in while others stay in use: what was known of what it holds may be
   * no more true.
   */
  readonly changes: number;
  /** The data is spread over servers by the slots of its keys: what one call touches must be of one slot. */
  readonly sharded: boolean;
  readonly clock: RedisClock;
  readonly subscriber: Subscriber;
  readonly log: Logger;
  /**
   * Sends what `run` asks for to the server that has `key`. Rejects with what `toRollcallError` makes of the failure.
   * `run` is called again where the key has moved, and a command that was under way when the connection broke is sent
   * once more if it comes back at once: whatever is sent must bear being run twice. What needs several keys of a slot that
   * is on its way from one server to another is tried for `patienceMs`, by default for 5 s.
   */
  call<T>(key: string, run: (redis: Redis) => Promise<T>, patienceMs?: Millis): Promise<T>;
  /** The names of all servers that hold a part of the data, in reach or not. */
  servers(): readonly string[];
  /** The server that holds `key`, as far as is known; null where none does. */
  serverOf(key: string): string | null;
  /** Sends something to one of `servers()`. Rejects as `call` does. */
  ask<T>(server: string, run: (redis: Redis) => Promise<T>): Promise<T>;
  /** Told at each change of `ready`, in this order for one connection; the returned function ends it. */
  onReady(listener: () => void): () => void;
  onLost(listener: () => void): () => void;
  /**
   * Resolves as soon as `ready`, however long that takes. Rejects with UnusableRedis when what was reached can never be
   * used as it is set up, and UNAVAILABLE when closed before.
   */
  whenReady(): Promise<void>;
  /** Idempotent. Calls under way may finish for a moment, later ones reject. */
  close(): Promise<void>;
}
