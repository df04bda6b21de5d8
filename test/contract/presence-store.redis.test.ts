import { openRedis } from '../../src/redis/connection.ts';
import { quiet } from '../support/quiet.ts';
import { startRedis } from '../support/redis.ts';
import { presenceStoreContract } from './presence-store.ts';
import { twoStores } from './two-nodes.ts';

presenceStoreContract('redis', async () => {
  const server = await startRedis();
  return twoStores(
    () => openRedis(server.url, { logger: quiet }),
    () => server.stop(),
  );
});
