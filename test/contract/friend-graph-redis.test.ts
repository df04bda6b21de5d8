import { openRedis } from '../../src/redis/connection.ts';
import { quiet } from '../support/quiet.ts';
import { startRedis } from '../support/redis.ts';
import { friendGraphContract } from './friend-graph.ts';
import { friendGraphModel } from './friend-graph-model.ts';
import type { SharedGraph } from './friend-graph-setting.ts';
import { twoGraphs } from './two-nodes.ts';

async function start(): Promise<SharedGraph> {
  const server = await startRedis();
  return twoGraphs(
    () => openRedis(server.url, { logger: quiet }),
    () => server.stop(),
  );
}

friendGraphContract('redis', start);
friendGraphModel('redis', start);
