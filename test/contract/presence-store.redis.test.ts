import { openRedis } from '../../src/redis/connection.ts';
import { RedisPresenceStore } from '../../src/store/redis/redis-presence-store.ts';
import { quiet } from '../support/quiet.ts';
import { startRedis } from '../support/redis.ts';
import { presenceStoreContract } from './presence-store.ts';

/** Two nodes with connections of their own. */
presenceStoreContract('redis', async () => {
  const server = await startRedis();
  const connections = [openRedis(server.url, { logger: quiet }), openRedis(server.url, { logger: quiet })] as const;
  const here = new RedisPresenceStore(connections[0], { logger: quiet });
  const there = new RedisPresenceStore(connections[1], { logger: quiet });
  await Promise.all([here.start(), there.start()]);
  return {
    here,
    there,
    close: async () => {
      await Promise.all([here.close(), there.close()]);
      await Promise.all(connections.map((connection) => connection.close()));
      await server.stop();
    },
  };
});
