import { RedisFriendGraph } from '../../src/friends/redis/graph.ts';
import { openRedis } from '../../src/redis/connection.ts';
import { RedisPresenceStore } from '../../src/store/redis/redis-presence-store.ts';
import { quiet } from '../support/quiet.ts';
import { startRedis } from '../support/redis.ts';
import { rosterContract } from './roster-contract.ts';
import { sessionContract } from './session-contract.ts';
import type { EngineSource } from './world.ts';

/** Nodes with connections of their own to one Redis server. */
async function source(): Promise<EngineSource> {
  const redis = await startRedis();
  return {
    open: async () => {
      const connection = openRedis(redis.url, { logger: quiet });
      const store = new RedisPresenceStore(connection, { logger: quiet });
      await store.start();
      const friends = new RedisFriendGraph(connection);
      const close = store.close.bind(store);
      // Whoever closes the store of a node closes its connection.
      store.close = async () => {
        await close();
        await connection.close();
      };
      return { store, friends };
    },
    close: () => redis.stop(),
  };
}

rosterContract('Redis', source);
sessionContract('Redis', source);
