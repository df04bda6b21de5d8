import { RedisFriendGraph } from '../../src/friends/redis/graph.ts';
import { openRedis } from '../../src/redis/connection.ts';
import { quiet } from '../support/quiet.ts';
import { startRedis } from '../support/redis.ts';
import { friendGraphContract } from './friend-graph.ts';
import { friendGraphModel } from './friend-graph-model.ts';
import type { SharedGraph } from './friend-graph-setting.ts';

/** Two nodes with connections of their own. */
async function start(): Promise<SharedGraph> {
  const server = await startRedis();
  const connections = [openRedis(server.url, { logger: quiet }), openRedis(server.url, { logger: quiet })] as const;
  await Promise.all(connections.map((connection) => connection.whenReady()));
  const [here, there] = [new RedisFriendGraph(connections[0]), new RedisFriendGraph(connections[1])];
  return {
    here,
    there,
    close: async () => {
      await Promise.all([here.close(), there.close()]);
      await Promise.all(connections.map((connection) => connection.close()));
      await server.stop();
    },
  };
}

friendGraphContract('redis', start);
friendGraphModel('redis', start);
