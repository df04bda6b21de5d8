import { once } from 'node:events';
import { createServer, connect as dial } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { CLOCK_KEY } from '../../src/redis/partitions.ts';
import { slotOf } from '../../src/redis/slot.ts';
import { commit, eventually } from '../contract/presence-store-setting.ts';
import { freshSetting, keepLog } from '../redis/setting.ts';
import { type ClusterNode, type RedisCluster, startRedisCluster } from '../support/redis-cluster.ts';

const LEASE = { ms: 60_000, settings: '' };
const setting = freshSetting();
const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** From now on the node's clock seems wrong to whoever is told of the node from now on. */
async function shiftClock(cluster: RedisCluster, node: ClusterNode, seconds: number): Promise<string> {
  const port = await throughWrongClock(node.server.port, seconds);
  await node.operator.config('SET', 'cluster-announce-port', port);
  await eventually(
    () => Promise.all(cluster.nodes.map(({ operator }) => operator.call('CLUSTER', 'SLOTS'))),
    (views) => views.every((view) => JSON.stringify(view).includes(`,${port},`)),
  );
  return `127.0.0.1:${port}`;
}

/** Leads to a server and moves the time that it answers TIME with. Returns the port. */
async function throughWrongClock(port: number, seconds: number): Promise<number> {
  const proxy = createServer((near) => {
    const far = dial(port, '127.0.0.1');
    for (const socket of [near, far]) socket.on('error', () => {});
    near.pipe(far);
    far.on('data', (chunk) => {
      const text = chunk.toString('latin1');
      const wrong = text.replace(
        /\*2\r\n\$10\r\n(\d{10})\r\n(?=\$\d\r\n\d)/g,
        (_, time: string) => `*2\r\n$10\r\n${Number(time) + seconds}\r\n`,
      );
      near.write(Buffer.from(wrong, 'latin1'));
    });
    far.on('close', () => near.destroy());
    near.on('close', () => far.destroy());
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  closing.push(async () => proxy.close());
  const address = proxy.address();
  return address !== null && typeof address === 'object' ? address.port : 0;
}

async function twoMasters(): Promise<{ cluster: RedisCluster; clock: ClusterNode; other: ClusterNode }> {
  const cluster = await startRedisCluster();
  closing.push(() => cluster.stop());
  const clock = await cluster.ownerOf(CLOCK_KEY);
  const other = cluster.nodes.find((node) => node !== clock);
  if (!other) throw new Error('There is one master only.');
  return { cluster, clock, other };
}

test('rule 11.4: a master whose clock is far from that of the others is told of, once', async () => {
  const { cluster, other } = await twoMasters();
  const name = await shiftClock(cluster, other, 5);
  const { logger, lines } = keepLog();
  const connection = setting().connect(cluster.target, logger);
  await connection.whenReady();
  const said = (): string[] => lines.flatMap(({ message }) => (message.includes('clock') ? [message] : []));
  await eventually(
    async () => said(),
    (all) => all.length > 0,
  );
  expect(said()).toHaveLength(1);
  const [, where, ms] =
    /^The clock of Redis at (\S+) is (\d+) ms ahead of another master's/.exec(said()[0] ?? '') ?? [];
  expect(where).toBe(name);
  expect(Number(ms)).toBeGreaterThan(4_000);
  expect(Number(ms)).toBeLessThan(6_000);
  // Where the one that is wrong is not followed, nobody's time is wrong.
  expect(Math.abs(connection.clock.now() - Date.now())).toBeLessThan(2_000);
});

test('rules 6.6, 11.4: no revision is earlier than the clock that is followed, whosever master commits', async () => {
  const { cluster, clock } = await twoMasters();
  await shiftClock(cluster, clock, 10);
  const { connection, store } = await setting().node(cluster.target);
  await eventually(
    async () => connection.clock.now() - Date.now(),
    (ahead) => ahead > 9_000,
  );
  // So many that some are at each master.
  for (let index = 0; index < 12; index += 1) {
    const before = connection.clock.now();
    expect((await commit(store, `user ${index}`)).rev).toBeGreaterThanOrEqual(Math.floor(before * 1_000));
  }
});

test.each([
  ['behind', -5],
  ['ahead', 5],
])(
  'rules 3.7, 11.4: another master takes over the clock that is %s; no time runs back and no lease is lost',
  async (_, seconds) => {
    const { cluster, other } = await twoMasters();
    await shiftClock(cluster, other, seconds);
    const { connection, store } = await setting().node(cluster.target);
    await store.leases.renew('node', LEASE, true);
    let [last, over] = [0, false];
    const watching = (async () => {
      while (!over) {
        const now = connection.clock.now();
        expect(now).toBeGreaterThanOrEqual(last);
        last = now;
        await delay(1);
      }
    })();
    try {
      await cluster.moveSlot(slotOf(CLOCK_KEY), other);
      expect(await store.leases.renew('node', LEASE, false)).toBe(true);
      // Half a second at half speed, or five at once.
      const gap = (): number => last - Date.now();
      await eventually(async () => gap(), seconds < 0 ? (ms) => ms < -500 : (ms) => ms > 4_000);
    } finally {
      over = true;
      await watching;
    }
    expect(await store.leases.lost()).toEqual([]);
  },
);
