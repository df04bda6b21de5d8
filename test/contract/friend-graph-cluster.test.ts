import { RedisFriendGraph } from '../../src/friends/redis/graph.ts';
import { sharedCluster } from '../support/shared-cluster.ts';
import { friendGraphContract } from './friend-graph.ts';
import { friendGraphModel } from './friend-graph-model.ts';
import type { SharedGraph } from './friend-graph-setting.ts';

const cluster = sharedCluster();

/** Two nodes with connections of their own. The graph is not emptied: no test meets the people of another one. */
async function start(): Promise<SharedGraph> {
  const connections = [cluster.connect(), cluster.connect()] as const;
  await Promise.all(connections.map((connection) => connection.whenReady()));
  const [here, there] = [new RedisFriendGraph(connections[0]), new RedisFriendGraph(connections[1])];
  return {
    here,
    there,
    close: async () => {
      await Promise.all([here.close(), there.close()]);
      await Promise.all(connections.map((connection) => connection.close()));
    },
  };
}

friendGraphContract('cluster', start);
friendGraphModel('cluster', start);
