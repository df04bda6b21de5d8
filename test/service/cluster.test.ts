import { RedisFriendGraph } from '../../src/friends/redis/graph.ts';
import { RedisPresenceStore } from '../../src/store/redis/redis-presence-store.ts';
import { quiet } from '../support/quiet.ts';
import { sharedCluster } from '../support/shared-cluster.ts';
import { rosterContract } from './roster-contract.ts';
import { sessionContract } from './session-contract.ts';
import type { EngineSource } from './world.ts';

const cluster = sharedCluster();

/** Nodes with connections of their own to one Redis Cluster. */
async function source(): Promise<EngineSource> {
  return {
    open: async () => {
      const connection = cluster.connect();
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
    close: () => cluster.empty(),
  };
}

rosterContract('Redis Cluster', source);
sessionContract('Redis Cluster', source);
