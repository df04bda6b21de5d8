import { afterAll, beforeAll } from 'vitest';
import { RedisFriendGraph } from '../../src/friends/redis/graph.ts';
import { openRedis, type RedisConnection } from '../../src/redis/connection.ts';
import { RedisPresenceStore } from '../../src/store/redis/redis-presence-store.ts';
import { friendGraphContract } from '../contract/friend-graph.ts';
import { presenceStoreContract } from '../contract/presence-store.ts';
import { quiet } from '../support/quiet.ts';
import { type SentinelGroup, startSentinelGroup } from '../support/sentinel.ts';
import { targetOf } from './target.ts';

let group: SentinelGroup;

beforeAll(async () => {
  group = await startSentinelGroup({ replicas: 1 });
});
afterAll(() => group?.stop());

/** Two nodes, with connections of their own that sentinels lead to the master. */
async function connect(): Promise<readonly [RedisConnection, RedisConnection]> {
  const connections = [
    openRedis(targetOf(group), { logger: quiet }),
    openRedis(targetOf(group), { logger: quiet }),
  ] as const;
  await Promise.all(connections.map((connection) => connection.whenReady()));
  return connections;
}

presenceStoreContract('sentinel', async () => {
  await group.ask(await group.master(), 'FLUSHALL');
  const connections = await connect();
  const [here, there] = [
    new RedisPresenceStore(connections[0], { logger: quiet }),
    new RedisPresenceStore(connections[1], { logger: quiet }),
  ];
  await Promise.all([here.start(), there.start()]);
  return {
    here,
    there,
    close: async () => {
      await Promise.all([here.close(), there.close()]);
      await Promise.all(connections.map((connection) => connection.close()));
    },
  };
});

friendGraphContract('sentinel', async () => {
  const connections = await connect();
  const [here, there] = [new RedisFriendGraph(connections[0]), new RedisFriendGraph(connections[1])];
  return {
    here,
    there,
    close: async () => {
      await Promise.all([here.close(), there.close()]);
      await Promise.all(connections.map((connection) => connection.close()));
    },
  };
});
