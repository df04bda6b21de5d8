import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { RedisFriendGraph } from '../../src/friends/redis/graph.ts';
import type { Logger } from '../../src/log.ts';
import { openRedis, type RedisConnection } from '../../src/redis/connection.ts';
import { createRollcall, type RunningRollcall } from '../../src/service/create.ts';
import { RedisPresenceStore } from '../../src/store/redis/redis-presence-store.ts';
import { boundTo, commit, loadOne } from '../contract/presence-store-setting.ts';
import { startProxy, type TcpProxy } from '../support/proxy.ts';
import { quiet } from '../support/quiet.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { beat, SETTINGS, user } from './world.ts';

const LEASE_MS = 1_500;
const PATIENCE_MS = 20_000;

let redis: RedisServer;
let path: TcpProxy;
let connection: RedisConnection;
let store: RedisPresenceStore;
let rollcall: RunningRollcall;
const said: string[] = [];

beforeEach(async () => {
  said.length = 0;
  redis = await startRedis();
  path = await startProxy(redis.port);
  connection = openRedis(`redis://127.0.0.1:${path.port}`, { logger: quiet });
  store = new RedisPresenceStore(connection, { logger: quiet });
  await store.start();
  const friends = new RedisFriendGraph(connection);
  const settings = { ...SETTINGS, nodeLeaseMs: LEASE_MS };
  const note = (_fields: object, message: string): void => void said.push(message);
  const log: Logger = { debug: note, info: note, warn: note, error: note };
  rollcall = await createRollcall({ store, friends, settings, log });
});
afterEach(async () => {
  await rollcall?.close();
  await store?.close();
  await connection?.close();
  await path?.close();
  await redis?.stop();
});

it('rule 2.9: a node whose renewal was held up for longer than its lease says at once what it holds', async () => {
  rollcall.connectionOpened('c1');
  await rollcall.heartbeat(user('ada', 'c1'), beat('tab', { bindToConnection: true }));
  path.stall();
  await new Promise((resolve) => setTimeout(resolve, 1.2 * LEASE_MS));
  await path.heal();
  await until(() => said.some((line) => line.startsWith('the store was told again')));
  expect(said.filter((line) => line.startsWith('could not say again'))).toEqual([]);
});

it('rules 2.6, 5.5: sessions of a dead node that the store has forgotten end as those of any other', async () => {
  await commit(store, 'bob', { over: boundTo('gone') });
  const operator = new Redis(redis.url);
  try {
    await operator.del('rollcall:nodes');
  } finally {
    operator.disconnect();
  }
  const end = performance.now() + PATIENCE_MS;
  for (;;) {
    const [session] = (await loadOne(store, 'bob')).sessions;
    if (!session || session.binding === null) break;
    if (performance.now() > end) throw new Error(`It is bound still; the log says ${said.join('; ')}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await until(() => said.includes('released the sessions of a dead node'));
});

async function until(holds: () => boolean): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`It did not come to that; the log says ${said.join('; ')}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
