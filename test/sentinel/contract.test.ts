import { afterAll, beforeAll } from 'vitest';
import { openRedis, type RedisConnection } from '../../src/redis/connection.ts';
import { friendGraphContract } from '../contract/friend-graph.ts';
import { presenceStoreContract } from '../contract/presence-store.ts';
import { twoGraphs, twoStores } from '../contract/two-nodes.ts';
import { quiet } from '../support/quiet.ts';
import { type SentinelGroup, startSentinelGroup } from '../support/sentinel.ts';
import { targetOf } from './target.ts';

let group: SentinelGroup;

beforeAll(async () => {
  group = await startSentinelGroup({ replicas: 1 });
});
afterAll(() => group?.stop());

/** Sentinels lead it to the master. */
function connect(): RedisConnection {
  return openRedis(targetOf(group), { logger: quiet });
}

presenceStoreContract('sentinel', async () => {
  await group.ask(await group.master(), 'FLUSHALL');
  return twoStores(connect);
});

friendGraphContract('sentinel', () => twoGraphs(connect));
