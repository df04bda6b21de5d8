import { once } from 'node:events';
import { createServer, connect as dial } from 'node:net';
import { Redis } from 'ioredis';
import { afterEach, describe, expect, test } from 'vitest';
import { parseRedisUrl } from '../../src/config/redis-location.ts';
import { type Engine, openEngine } from '../../src/server/engine.ts';
import { eventually } from '../contract/presence-store-setting.ts';
import { type RedisServer, type RedisServerOptions, startRedis } from '../support/redis.ts';
import { type Environment, runCommand, type ServerProcess, startProcess } from '../support/server.ts';
import { keepLog, type Line } from './setting.ts';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function redis(options: RedisServerOptions = {}): Promise<RedisServer> {
  const server = await startRedis(options);
  closing.push(() => server.stop());
  return server;
}

function operator(server: RedisServer, options = {}): Redis {
  const client = new Redis(server.port, '127.0.0.1', options);
  client.on('error', () => {});
  closing.push(async () => client.disconnect());
  return client;
}

type Running = Omit<ServerProcess, 'url' | 'port'>;

function serve(url: string, env: Environment = {}): Running {
  const running = runCommand(['serve'], { PORT: '0', REDIS_URL: url, ...env });
  closing.push(() => running.stop());
  return running;
}

/** As `serve` opens it, with what the log is told. */
function open(url: string): { readonly engine: Engine; readonly lines: Line[] } {
  const { logger, lines } = keepLog();
  const engine = openEngine({ redis: parseRedisUrl(url), logLevel: 'info' }, logger);
  closing.push(() => engine.close());
  return { engine, lines };
}

/** The one line by which it is refused. */
async function refusal(url: string): Promise<string> {
  const { engine, lines } = open(url);
  const reason = await engine.usable.then(
    () => 'usable',
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
  // Whoever waits for the start says it.
  expect(lines).toEqual([]);
  return reason;
}

function as(server: RedisServer, user: string): string {
  return server.url.replace('//', `//${user}:pass@`);
}

/** Lines that are neither the log's nor for people. */
function noise(output: string): string[] {
  return output.split('\n').filter((line) => line !== '' && !/^(\{.*\}|Rollcall is .*| {2}\S.*)$/.test(line));
}

function countOf(output: string, text: string): number {
  return output.split(text).length - 1;
}

describe('rule 10.7: a server that can never be used stops the start with one line', () => {
  test('which is all that is said, and exit code 1', async () => {
    const server = await redis();
    await operator(server).acl('SETUSER', 'narrow', 'on', '>pass', '+@all', '~other:*', '&*');
    const running = serve(as(server, 'narrow'));
    expect((await running.exited).code).toBe(1);
    const line = `rollcall: ${await refusal(as(server, 'narrow'))}\n`;
    expect(running.output()).toBe(line);
    const importing = runCommand(['import-friends', 'package.json'], { REDIS_URL: as(server, 'narrow') });
    closing.push(() => importing.stop());
    expect((await importing.exited).code).toBe(1);
    expect(importing.output()).toBe(line);
  });

  test('a node of a cluster', async () => {
    const server = await redis({ args: ['--cluster-enabled', 'yes'] });
    const line = `Redis at 127.0.0.1:${server.port} is a node of a Redis Cluster: set REDIS_URL to redis-cluster://127.0.0.1:${server.port}, or to several of its nodes with commas between them.`;
    expect(await refusal(server.url)).toBe(line);
    expect(await refusal(`${server.url}/3`)).toBe(
      `Redis at 127.0.0.1:${server.port} has no database 3 for REDIS_URL: it is a node of a Redis Cluster, where there is number 0 only.`,
    );
  });

  test('one that is too old', async () => {
    const server = await redis();
    const port = await pretendToBeOld(server.port);
    expect(await refusal(`redis://127.0.0.1:${port}`)).toBe(
      `Redis at 127.0.0.1:${port} is version 6.2.14: Rollcall needs Redis 7.0 or newer, or Valkey.`,
    );
  });

  test('one without the database', async () => {
    const server = await redis();
    expect(await refusal(`${server.url}/99`)).toMatch(
      /^Redis at 127\.0\.0\.1:\d+ has no database 99 for REDIS_URL: it says: ERR [^\n]*$/,
    );
  });

  test('one in which somebody else uses the names', async () => {
    const server = await redis();
    await operator(server).set('rollcall:meta', 'theirs');
    expect(await refusal(server.url)).toBe(
      "The key rollcall:meta in Redis is none of Rollcall's: remove what uses it, or choose another database.",
    );
  });

  test('one whose data have another number of partitions', async () => {
    const server = await redis();
    await operator(server).hset('rollcall:meta', 'dataset', 'x', 'partitions', '16');
    expect(await refusal(server.url)).toBe(
      'The data in Redis is spread over 16 partitions, not 64: use that number, or another database.',
    );
  });

  const all = ['on', '>pass', '+@all', '~rollcall:*', 'resetchannels', '&rollcall:*'];
  test.each([
    ['without scripts', [...all, '-@scripting'], 'EVAL, EVALSHA, keys rollcall:\\*'],
    ['with other keys', ['on', '>pass', '+@all', '~other:*', '&*'], 'EVAL, EVALSHA, keys rollcall:\\*'],
    ['without one command', [...all, '-zpopmin'], 'ZPOPMIN rollcall:meta'],
    ['that may only read', [...all, '-@write'], 'SET rollcall:meta, .* and \\d+ more'],
    [
      'with other channels',
      ['on', '>pass', '+@all', '~rollcall:*', 'resetchannels', '&other:*'],
      'PUBLISH rollcall:\\{p0\\}:changes, .*',
    ],
  ])('a user %s', async (_, rules, missing) => {
    const server = await redis();
    await operator(server).acl('SETUSER', 'narrow', ...rules);
    expect(await refusal(as(server, 'narrow'))).toMatch(
      new RegExp(
        `^Redis at 127\\.0\\.0\\.1:\\d+ forbids user "narrow" what Rollcall needs \\(${missing}\\): docs/redis\\.md has the rule to give\\.$`,
      ),
    );
  });
});

describe('rule 10.7: a server that cannot be used yet is waited for, with one line', () => {
  async function waits(url: string, line: RegExp): Promise<Running> {
    const running = serve(url, { LOG_LEVEL: 'info' });
    await running.says(line);
    await running.says(/Rollcall is listening at .* and waits for Redis/);
    return running;
  }

  async function becomesReady(running: Running): Promise<string> {
    await running.says(/Rollcall is ready at/);
    expect(noise(running.output())).toEqual([]);
    return running.output();
  }

  test('one that refuses the password, until it takes it', async () => {
    const server = await redis({ args: ['--requirepass', 'right'] });
    const running = await waits(
      server.url.replace('//', '//:new-one@'),
      /Redis cannot be used \(it refuses the user name or the password of REDIS_URL: WRONGPASS\); trying until it can/,
    );
    const client = operator(server, { password: 'right' });
    await connections(client, 6);
    await client.config('SET', 'requirepass', 'new-one');
    const output = await becomesReady(running);
    expect(countOf(output, 'WRONGPASS')).toBe(1);
    expect(output).not.toContain('new-one');
  });

  test('one that asks for a password where there is none', async () => {
    const server = await redis({ args: ['--requirepass', 'right'] });
    const { engine, lines } = open(server.url);
    await firstOf(
      lines,
      'Redis cannot be used (it asks for a password, and REDIS_URL has none: NOAUTH); trying until it can',
    );
    await operator(server, { password: 'right' }).config('SET', 'requirepass', '');
    await engine.usable;
    expect(lines.at(-1)).toEqual({ level: 'info', message: 'Redis is in reach again' });
  });

  test('a replica, until it is the master', async () => {
    const master = await redis();
    const replica = await redis({ args: ['--replicaof', '127.0.0.1', `${master.port}`] });
    const running = await waits(
      replica.url,
      new RegExp(
        `it is a replica of 127\\.0\\.0\\.1:${master.port}, which takes no writes; only its master can be used`,
      ),
    );
    const client = operator(replica);
    await connections(client, 8);
    await client.replicaof('NO', 'ONE');
    const output = await becomesReady(running);
    expect(countOf(output, 'a replica')).toBe(1);
    // One line for each reason there was, however often it was tried.
    expect(countOf(output, 'Redis cannot be')).toBeLessThan(4);
  });

  test('one that takes no writes without enough replicas', async () => {
    const server = await redis({ args: ['--min-replicas-to-write', '1'] });
    const { engine, lines } = open(server.url);
    await firstOf(lines, 'Redis cannot be used (NOREPLICAS ');
    await operator(server).config('SET', 'min-replicas-to-write', '0');
    await engine.usable;
  });
});

describe('rule 10.7: a server that can be used', () => {
  async function ready(url: string): Promise<string> {
    const server = await startProcess({ env: { REDIS_URL: url } });
    closing.push(() => server.stop());
    return server.output();
  }

  test('a password that it does not ask for is no matter', async () => {
    const server = await redis();
    const output = await ready(server.url.replace('//', '//:pass@'));
    expect(noise(output)).toEqual([]);
    expect(output).not.toContain('Redis cannot be used');
  });

  test('INFO may be forbidden, and CONFIG', async () => {
    const server = await redis();
    await operator(server).acl('SETUSER', 'narrow', 'on', '>pass', '+@all', '-info', '-config', '~*', '&*');
    const output = await ready(as(server, 'narrow'));
    expect(noise(output)).toEqual([]);
    expect(output).not.toContain('Redis cannot be used');
  });

  test.each([
    ['allkeys-lru', '64mb', 1],
    ['volatile-lru', '64mb', 0],
    ['allkeys-lru', '0', 0],
  ])('maxmemory-policy %s with maxmemory %s: warnings %d', async (policy, maxmemory, warnings) => {
    const server = await redis({ args: ['--maxmemory', maxmemory, '--maxmemory-policy', policy] });
    const { engine, lines } = open(server.url);
    await engine.usable;
    const message = `Redis throws keys away when its memory is full (maxmemory-policy ${policy}), and with them, without a word, presence and friend lists: set maxmemory-policy to noeviction`;
    expect(lines).toEqual(Array.from({ length: warnings }, () => ({ level: 'warn', message })));
  });
});

/** Resolves when something has been told; rejects when that is not what it begins with. */
async function firstOf(lines: readonly Line[], text: string): Promise<void> {
  const [first] = await eventually(
    async () => lines,
    (all) => all.length > 0,
  );
  expect(first?.message.slice(0, text.length)).toBe(text);
}

/** Resolves when the server has been connected to so many times. */
async function connections(client: Redis, count: number): Promise<void> {
  const deadline = performance.now() + 20_000;
  for (;;) {
    const total = /total_connections_received:(\d+)/.exec(await client.info('stats'))?.[1];
    if (Number(total) >= count) return;
    if (performance.now() > deadline) throw new Error(`${total} connections, not ${count}.`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Leads to a server on whose answers another version stands, of the same length. Returns the port. */
async function pretendToBeOld(port: number): Promise<number> {
  const proxy = createServer((near) => {
    const far = dial(port, '127.0.0.1');
    for (const socket of [near, far]) socket.on('error', () => {});
    near.pipe(far);
    far.on('data', (chunk) => {
      const text = chunk.toString('latin1');
      const version = /redis_version:([^\r]*)/.exec(text)?.[1] ?? '';
      const older = text
        .replace(`redis_version:${version}`, `redis_version:${'6.2.14'.padEnd(version.length)}`)
        .replaceAll(/valkey/g, 'redkey');
      near.write(Buffer.from(older, 'latin1'));
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
