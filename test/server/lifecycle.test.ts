import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { afterEach, describe, expect, test } from 'vitest';
import { freePort } from '../support/port.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { runCommand, type ServerProcess, startProcess } from '../support/server.ts';
import { RawSocket } from './raw-socket.ts';

const running: { stop(): Promise<unknown> }[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((one) => one.stop()));
});

async function started(...options: Parameters<typeof startProcess>): Promise<ServerProcess> {
  const server = await startProcess(...options);
  running.push(server);
  return server;
}

const ME = '{ viewer { id } }';
const WATCH = 'subscription { viewer { id presence { status } } }';

async function statusOf(url: string): Promise<number> {
  const response = await fetch(url);
  await response.text();
  return response.status;
}

/** Asks until the answer is `wanted`; rejects when it does not come to that. */
async function becomes<T>(wanted: T, ask: () => Promise<T>, ms = 20_000): Promise<void> {
  const deadline = performance.now() + ms;
  for (;;) {
    const got = await ask();
    if (got === wanted) return;
    if (performance.now() > deadline) throw new Error(`still ${String(got)} after ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function codesOf(url: string): Promise<unknown> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer ada' },
    body: JSON.stringify({ query: '{ viewer { presence { status } } }' }),
  });
  const { errors } = (await response.json()) as { errors?: { extensions: { code: string } }[] };
  return errors?.map(({ extensions }) => extensions.code).join() ?? 'none';
}

describe('stopping', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)('%s with nobody connected ends it at once, with 0', async (signal) => {
    const server = await started({ env: { DRAIN_MS: '600000' } });
    server.kill(signal);
    expect(await server.exited).toEqual({ code: 0, signal: null });
  });

  test('draining: /readyz is 503, sockets are told 1012 one after the other, new ones are refused, and it ends with 0', async () => {
    const server = await started({ env: { DRAIN_MS: '3000' } });
    const sockets = await Promise.all(
      Array.from({ length: 10 }, (_, index) => RawSocket.greeted(server.url, `u${index}`)),
    );
    for (const socket of sockets) socket.ask('1', WATCH);
    for (const socket of sockets) await socket.hear('1');

    const closed = sockets.map(async (socket) => ({ ...(await socket.closed()), at: performance.now() }));
    server.kill('SIGTERM');
    await server.says(/Rollcall is stopping/);
    expect(await statusOf(`${server.url}/readyz`)).toBe(503);
    expect(await statusOf(`${server.url}/healthz`)).toBe(200);
    await expect(RawSocket.open(server.url)).rejects.toThrow('503');

    const closes = await Promise.all(closed);
    expect(new Set(closes.map(({ code }) => code))).toEqual(new Set([1012]));
    const times = closes.map(({ at }) => at);
    // Ten slots of 300 ms: between the first and the last lie at least eight whole ones.
    expect(Math.max(...times) - Math.min(...times)).toBeGreaterThan(1_200);
    expect(await server.exited).toEqual({ code: 0, signal: null });
  });

  test('a stream over Server-Sent Events breaks off, so that its client asks again', async () => {
    const server = await started({ env: { DRAIN_MS: '100' } });
    const response = await fetch(`${server.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream', authorization: 'Bearer ada' },
      body: JSON.stringify({ query: WATCH }),
    });
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    let told = '';
    while (!told.includes('event: next')) told += (await reader?.read())?.value ?? '';
    server.kill('SIGTERM');
    const end = (async () => {
      for (;;) {
        const chunk = await reader?.read();
        if (!chunk || chunk.done) return 'ended';
        told += chunk.value;
      }
    })();
    await expect(end.catch(() => 'broken off')).resolves.toBe('broken off');
    expect(told).not.toContain('event: complete');
    expect(await server.exited).toEqual({ code: 0, signal: null });
  });

  test('a second signal ends it at once', async () => {
    const server = await started({ env: { DRAIN_MS: '600000' } });
    const socket = await RawSocket.greeted(server.url, 'ada');
    server.kill('SIGTERM');
    await server.says(/Rollcall is stopping/);
    server.kill('SIGTERM');
    expect(await server.exited).toEqual({ code: 1, signal: null });
    expect((await socket.closed()).code).toBe(1006);
  });
});

describe('what nobody has caught', () => {
  const FAULT = fileURLToPath(new URL('./fault-on-signal.mjs', import.meta.url));

  test.each([
    ['SIGUSR2', 'a rejection was not handled'],
    ['SIGPROF', 'an exception was not caught'],
  ] as const)('on %s: %s: one fatal line, and it ends with 1', async (signal, msg) => {
    const env = { NODE_ENV: 'production', JWT_SECRET: 'thirty-two bytes at the very least' };
    const server = await started({ env: { ...env, NODE_OPTIONS: `--import ${FAULT}` } });
    const before = server.output().length;
    server.kill(signal);
    expect(await server.exited).toEqual({ code: 1, signal: null });
    const lines = server.output().slice(before).trim().split('\n');
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      expect.objectContaining({ level: 60, msg, err: expect.objectContaining({ message: 'a fault of a test' }) }),
    ]);
  });
});

describe('starting', () => {
  test('says where it is ready, and in development how to sign in', async () => {
    const server = await started();
    await server.says(/be anyone with "Authorization: Bearer ada"/);
    await server.says(/ends with this process/);
  });

  test('in production it says so in a log of JSON lines alone', async () => {
    const env = { NODE_ENV: 'production', JWT_SECRET: 'thirty-two bytes at the very least' };
    const server = await started({ env });
    const lines = server.output().trim().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual([
      `Rollcall is ready at ${server.url}/graphql`,
    ]);
    expect(server.output()).not.toContain('thirty-two');
  });

  test('a port that is taken: one line, exit code 1', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    running.push({ stop: async () => void other.close() });
    const port = await new Promise<number>((resolve) =>
      other.once('listening', () => resolve((other.address() as { port: number }).port)),
    );
    const second = runCommand(['serve'], { PORT: `${port}` });
    expect(await second.exited).toEqual({ code: 1, signal: null });
    expect(second.output()).toBe(
      `rollcall: port ${port} of 127.0.0.1 is in use: stop what uses it, or choose another one with PORT.\n`,
    );
  });

  test('a wrong setting: one line, exit code 2, before anything listens', async () => {
    const wrong = runCommand(['serve'], { PORT: '0', NODE_LEASE_MS: 'soon' });
    expect(await wrong.exited).toEqual({ code: 2, signal: null });
    expect(wrong.output()).toBe(
      'rollcall: NODE_LEASE_MS must be a whole number of milliseconds from 300 to 2147483647; it is "soon".\n',
    );
  });
});

test('data that cannot be used with these settings: it says so and ends with 1', async () => {
  const redis = await startRedis();
  running.push(redis);
  const client = new Redis(redis.url);
  await client.hset('rollcall:meta', { dataset: 'x', partitions: 8 });
  client.disconnect();
  const server = runCommand(['serve'], { PORT: '0', REDIS_URL: redis.url });
  expect(await server.exited).toEqual({ code: 1, signal: null });
  expect(server.output()).toMatch(/^rollcall: The data in Redis is spread over 8 partitions, not 64/m);
});

describe('rule 10: without Redis', () => {
  test('it listens, says what it waits for, is not ready, and becomes ready by itself', async () => {
    const port = await freePort();
    const REDIS_URL = `redis://:hunter2@127.0.0.1:${port}`;
    const server = await started({ env: { REDIS_URL }, until: 'listening' });
    await server.says(new RegExp(`and waits for Redis at 127\\.0\\.0\\.1:${port}\n`));
    await server.says(new RegExp(`"msg":"Redis cannot be reached .*127\\.0\\.0\\.1:${port}`));
    expect(await statusOf(`${server.url}/readyz`)).toBe(503);
    expect(await statusOf(`${server.url}/healthz`)).toBe(200);
    expect(await codesOf(server.url)).toBe('UNAVAILABLE');

    const redis: RedisServer = await startRedis({ port, args: ['--requirepass', 'hunter2'] });
    running.push(redis);
    await server.says(/Rollcall is ready at/);
    expect(await statusOf(`${server.url}/readyz`)).toBe(200);
    expect(await codesOf(server.url)).toBe('none');

    await redis.kill('SIGKILL');
    await becomes(503, () => statusOf(`${server.url}/readyz`));
    expect(await codesOf(server.url)).toBe('UNAVAILABLE');
    await redis.restart();
    await becomes(200, () => statusOf(`${server.url}/readyz`));
    expect(server.output()).not.toContain('hunter2');
  });

  test('rule 10.2: it is not ready while Redis refuses every write, and is again by itself', async () => {
    const redis = await startRedis({ args: ['--maxmemory-policy', 'noeviction'] });
    running.push(redis);
    const server = await started({ env: { REDIS_URL: redis.url, NODE_LEASE_MS: '900' } });
    const client = new Redis(redis.url);
    running.push({ stop: async () => client.disconnect() });
    await client.config('SET', 'maxmemory', '1');
    await becomes(503, () => statusOf(`${server.url}/readyz`));
    expect(await statusOf(`${server.url}/healthz`)).toBe(200);
    await client.config('SET', 'maxmemory', '0');
    await becomes(200, () => statusOf(`${server.url}/readyz`));
  });

  test('a session that is bound to a socket does not keep it from stopping', async () => {
    const redis = await startRedis();
    running.push(redis);
    const server = await started({ env: { REDIS_URL: redis.url, DRAIN_MS: '0' } });
    const socket = await RawSocket.greeted(server.url, 'ada');
    socket.ask('1', 'mutation { heartbeat(input: { sessionId: "s", bindToConnection: true }) { nextHeartbeatMs } }');
    expect(await socket.hear('1')).toMatchObject({ payload: { data: { heartbeat: { nextHeartbeatMs: null } } } });
    await redis.kill('SIGKILL');
    await becomes(503, () => statusOf(`${server.url}/readyz`));
    server.kill('SIGTERM');
    expect((await socket.closed()).code).toBe(1012);
    expect(await server.exited).toEqual({ code: 0, signal: null });
  });

  test('it stops in good order all the same', async () => {
    const server = await started({
      env: { REDIS_URL: `redis://127.0.0.1:${await freePort()}`, DRAIN_MS: '0' },
      until: 'listening',
    });
    const socket = await RawSocket.greeted(server.url, 'ada');
    socket.ask('1', ME);
    await socket.hear('1');
    server.kill('SIGTERM');
    expect((await socket.closed()).code).toBe(1012);
    expect(await server.exited).toEqual({ code: 0, signal: null });
  });
});
