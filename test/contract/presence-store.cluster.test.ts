import { RedisPresenceStore } from '../../src/store/redis/redis-presence-store.ts';
import { quiet } from '../support/quiet.ts';
import { sharedCluster } from '../support/shared-cluster.ts';
import { presenceStoreContract } from './presence-store.ts';

const cluster = sharedCluster();

/** Two nodes with connections of their own. */
presenceStoreContract('cluster', async () => {
  const connections = [cluster.connect(), cluster.connect()] as const;
  const here = new RedisPresenceStore(connections[0], { logger: quiet });
  const there = new RedisPresenceStore(connections[1], { logger: quiet });
  await Promise.all([here.start(), there.start()]);
  return {
    here,
    there,
    close: async () => {
      await Promise.all([here.close(), there.close()]);
      await Promise.all(connections.map((connection) => connection.close()));
      await cluster.empty();
    },
  };
});
