import { afterEach, describe, expect, test } from 'vitest';
import { readFacts, whyUnusableInCluster } from '../../src/redis/requirements.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { startRedisCluster } from '../support/redis-cluster.ts';
import { runCommand, startProcess } from '../support/server.ts';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function redis(...args: string[]): Promise<RedisServer> {
  const server = await startRedis({ args });
  closing.push(() => server.stop());
  return server;
}

describe('REDIS_URL that names a Cluster', () => {
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

  test('is found from any one of its servers, without a warning', async () => {
    const cluster = await startRedisCluster({ replicas: 1 });
    closing.push(() => cluster.stop());
    for (const { name } of [cluster.nodes[1], cluster.nodes.at(-1)].flatMap((node) => node ?? [])) {
      const running = await startProcess({ env: { REDIS_URL: `redis-cluster://${name}`, LOG_LEVEL: 'info' } });
      closing.push(() => running.stop());
      expect(running.output()).not.toContain('"level":40');
    }
  });
});
