import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import { Partitions } from '../../src/redis/partitions.ts';
import { readFacts, whyUnusableInCluster } from '../../src/redis/requirements.ts';
import { slotOf } from '../../src/redis/slot.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { startRedisCluster } from '../support/redis-cluster.ts';
import { runCommand, startProcess } from '../support/server.ts';
import { Stage } from '../support/stage.ts';

const DOCS = readFileSync('docs/redis.md', 'utf8');
/** The narrowest rule of access, and what a Cluster needs besides. */
const [RULE = ''] = /^ACL SETUSER rollcall .*$/m.exec(DOCS) ?? [];
const [, MORE = ''] = /Cluster needs `([^`]*)` besides/.exec(DOCS) ?? [];

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function redis(...args: string[]): Promise<RedisServer> {
  const server = await startRedis({ args });
  closing.push(() => server.stop());
  return server;
}

describe('rule 10.7: REDIS_URL that names a Cluster', () => {
  test.each([
    ['as a Cluster', (port: number) => `redis-cluster://127.0.0.1:${port}`],
    ['as several servers', (port: number) => `redis://127.0.0.1:${port},127.0.0.1:${port}`],
  ])('where there is none stops the start with one line: one server %s', async (_, urlOf) => {
    const { port } = await redis();
    const running = runCommand(['serve'], { PORT: '0', REDIS_URL: urlOf(port) });
    closing.push(() => running.stop());
    const { code } = await running.exited;
    expect(code).toBe(1);
    const line = `Redis at 127.0.0.1:${port} is no node of a Redis Cluster: set REDIS_URL to redis://127.0.0.1:${port}, and to nothing else.`;
    expect(running.output()).toBe(`rollcall: ${line}\n`);
  });

  test('with servers older than what sharded channels need says so', () => {
    const facts = readFacts('redis_version:6.2.14\r\nredis_mode:cluster\r\ncluster_enabled:1\r\n');
    expect(whyUnusableInCluster(facts, 'here:1')).toBe(
      'Redis at here:1 is version 6.2.14: Rollcall needs Redis 7.0 or newer, or Valkey.',
    );
    expect(whyUnusableInCluster({ ...facts, version: '7.0.15' }, 'here:1')).toBeNull();
    expect(whyUnusableInCluster({ ...facts, valkey: true }, 'here:1')).toBeNull();
  });

  test('that nobody has formed yet is waited for, with one line', async () => {
    const { port } = await redis('--cluster-enabled', 'yes');
    const env = { REDIS_URL: `redis-cluster://127.0.0.1:${port}`, LOG_LEVEL: 'info' };
    const running = await startProcess({ env, until: 'listening' });
    closing.push(() => running.stop());
    await running.says(/Redis cannot be reached \(the cluster is down\); trying until it can/);
    expect((await fetch(`${running.url}/readyz`)).status).toBe(503);
    expect(running.output().match(/trying until it can/g)).toHaveLength(1);
  });

  test('is found from any one of its servers, a replica too, without a warning', async () => {
    const cluster = await startRedisCluster({ replicas: 1 });
    closing.push(() => cluster.stop());
    const name = cluster.nodes.at(-1)?.name ?? '';
    const running = await startProcess({ env: { REDIS_URL: `redis-cluster://${name}`, LOG_LEVEL: 'info' } });
    closing.push(() => running.stop());
    expect(running.output()).not.toContain('"level":40');
  });

  test('needs no more rights than docs/redis.md gives, also while slots move', async () => {
    const cluster = await startRedisCluster();
    closing.push(() => cluster.stop());
    const [, ...rule] = `${RULE.replace('PASSWORD', 'secret')} ${MORE}`.split(' ');
    expect(rule).toContain('+ssubscribe');
    await cluster.each((operator) => operator.call('ACL', ...rule));
    const engineUrl = cluster.url.replace('//', '//rollcall:secret@');
    const stage = await Stage.open({ engineUrl, nodes: 1, bound: 2, beating: 1, observers: 1, name: 'rights' });
    closing.push(() => stage.close());
    const partitions = new Partitions(64);
    for (const { userId } of stage.actors) {
      const slot = slotOf(partitions.key(partitions.of(userId), 'head'));
      const owner = await cluster.ownerOf(slot);
      const to = cluster.nodes.find((node) => node !== owner);
      if (!to) throw new Error('There is one master only.');
      const moving = cluster.moveSlot(slot, to, { dividedMs: 300 });
      await stage.sayAgain();
      await moving;
    }
    await stage.converge();
    expect(stage.verdict()).toEqual([]);
    expect(stage.nodes[0]?.output()).not.toContain('NOPERM');
  });
});
