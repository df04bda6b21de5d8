import { afterAll, beforeAll } from 'vitest';
import { RedisFriendGraph } from '../../src/friends/redis/graph.ts';
import { openRedis, type RedisConnection } from '../../src/redis/connection.ts';
import { RedisPresenceStore } from '../../src/store/redis/redis-presence-store.ts';
import { quiet } from './quiet.ts';
import { type RedisCluster, type RedisClusterOptions, startRedisCluster } from './redis-cluster.ts';

/** One cluster for a test file, emptied between two tests: to start one takes seconds. */
export interface SharedCluster {
  readonly cluster: RedisCluster;
  connect(): RedisConnection;
  /** The engines of one node. Whoever closes its store closes its connection. */
  engines(): Promise<{ readonly store: RedisPresenceStore; readonly friends: RedisFriendGraph }>;
  /** To be called when nobody is connected. */
  empty(): Promise<void>;
}

export function sharedCluster(options: RedisClusterOptions = {}): SharedCluster {
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await startRedisCluster(options);
  });
  afterAll(() => cluster?.stop());
  const connect = (): RedisConnection => openRedis(cluster.target, { logger: quiet });
  return {
    get cluster() {
      return cluster;
    },
    connect,
    engines: async () => {
      const connection = connect();
      const store = new RedisPresenceStore(connection, { logger: quiet });
      await store.start();
      const close = store.close.bind(store);
      store.close = async () => {
        await close();
        await connection.close();
      };
      return { store, friends: new RedisFriendGraph(connection) };
    },
    empty: () => cluster.each((operator) => operator.flushall()),
  };
}
