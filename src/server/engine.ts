import type { RedisLocation } from '../config/redis-location.ts';
import type { EngineConfig } from '../config.ts';
import { MemoryFriendGraph } from '../friends/memory.ts';
import type { FriendGraph } from '../friends/port.ts';
import { RedisFriendGraph } from '../friends/redis/graph.ts';
import type { Logger } from '../log.ts';
import { openRedis } from '../redis/connection.ts';
import type { RedisTarget } from '../redis/target.ts';
import { MemoryPresenceStore } from '../store/memory.ts';
import type { PresenceStore } from '../store/port.ts';
import { RedisPresenceStore } from '../store/redis/redis-presence-store.ts';

/** Where presence and friend lists are kept. */
export interface Engine {
  readonly store: PresenceStore;
  readonly friends: FriendGraph;
  /**
   * Resolves when it can be used for the first time, however long that takes. Rejects when what is stored there can
   * never be used with these settings, with one line for the operator, and when it is closed before.
   */
  readonly usable: Promise<void>;
  /** To be called after all that works on it has been closed. Idempotent. */
  close(): Promise<void>;
}

/** Opens in the background: it returns at once, whether the store is in reach or not. */
export function openEngine({ redis }: EngineConfig, log: Logger): Engine {
  return redis === null ? openMemory() : openOnRedis(redis, log);
}

/** The friend lists alone, for commands that have nothing to do with presence. */
export function openFriends(redis: RedisLocation, log: Logger): Omit<Engine, 'store'> {
  const connection = openRedis(targetOf(redis), { logger: log });
  const friends = new RedisFriendGraph(connection);
  return {
    friends,
    usable: connection.whenReady(),
    close: async () => {
      await friends.close();
      await connection.close();
    },
  };
}

function openMemory(): Engine {
  const store = new MemoryPresenceStore();
  const friends = new MemoryFriendGraph(store.clock);
  return {
    store,
    friends,
    usable: Promise.resolve(),
    close: async () => {
      await friends.close();
      await store.close();
    },
  };
}

function openOnRedis(redis: RedisLocation, log: Logger): Engine {
  const connection = openRedis(targetOf(redis), { logger: log });
  const store = new RedisPresenceStore(connection, { logger: log });
  const friends = new RedisFriendGraph(connection);
  return {
    store,
    friends,
    usable: connection.whenReady().then(() => store.start()),
    close: async () => {
      await friends.close();
      await store.close();
      await connection.close();
    },
  };
}

function targetOf(location: RedisLocation): RedisTarget {
  return { ...location, password: location.password?.reveal() ?? null };
}
