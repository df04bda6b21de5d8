import { Redis } from 'ioredis';
import { afterEach, describe, expect, test } from 'vitest';
import type { RedisConnection } from '../../src/redis/connection.ts';
import type { SentinelTarget } from '../../src/redis/target.ts';
import { eventually } from '../contract/presence-store-setting.ts';
import { freshSetting, keepLog } from '../redis/setting.ts';
import { freePort } from '../support/port.ts';
import type { RedisServer } from '../support/redis.ts';
import { type SentinelGroupOptions, startSentinel, startSentinelGroup } from '../support/sentinel.ts';

const setting = freshSetting();
const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function sentinelOf(master: RedisServer, options: SentinelGroupOptions = {}): Promise<RedisServer> {
  const sentinel = await startSentinel(master.port, options);
  closing.push(() => sentinel.stop());
  return sentinel;
}

function target(ports: readonly number[], over: Partial<SentinelTarget> = {}): SentinelTarget {
  return {
    kind: 'sentinel',
    sentinels: ports.map((port) => ({ host: '127.0.0.1', port })),
    name: 'main',
    database: 0,
    tls: false,
    username: null,
    password: null,
    ...over,
  };
}

/** The port of the server that the connection leads to. */
async function portOf(connection: RedisConnection): Promise<number> {
  await connection.whenReady();
  const info = await connection.call('', (redis) => redis.info('server'));
  return Number(/^tcp_port:(\d+)/m.exec(info)?.[1]);
}

describe('rule 10.7: who the master is', () => {
  test('a sentinel that is behind is not believed, even if it comes first', async () => {
    const group = await startSentinelGroup({ replicas: 1 });
    closing.push(() => group.stop());
    const old = await group.master();
    await group.failOver();
    const master = await group.untilMasterIsNot(old);
    const stale = await setting().server();
    const behind = await sentinelOf(stale);
    const ports = [behind, ...group.sentinels].map(({ port }) => port);
    expect(await portOf(setting().connect(target(ports)))).toBe(master.port);
    expect(await portOf(setting().connect(target(ports.slice(0, 1))))).toBe(stale.port);
  });

  test('is known as long as one sentinel answers', async () => {
    const master = await setting().server();
    const [silent, alive] = [await sentinelOf(master), await sentinelOf(master)];
    await silent.kill('SIGSTOP');
    const connection = setting().connect(target([await freePort(), silent.port, alive.port]));
    expect(await portOf(connection)).toBe(master.port);
  });

  test('is waited for, and one line says what each sentinel says', async () => {
    const master = await setting().server();
    const sentinel = await sentinelOf(master);
    const nobody = await freePort();
    const { logger, lines } = keepLog();
    const connection = setting().connect(target([nobody, sentinel.port], { name: 'other' }), logger);
    const line =
      `Redis cannot be reached (no sentinel names the master of other; 127.0.0.1:${nobody}: connect ECONNREFUSED 127.0.0.1:${nobody}; ` +
      `127.0.0.1:${sentinel.port}: it knows no master of that name, with which REDIS_URL ends); trying until it can`;
    await eventually(
      async () => lines.map(({ message }) => message),
      (messages) => messages.includes(line),
    );
    const operator = new Redis(sentinel.port, '127.0.0.1');
    closing.push(async () => operator.disconnect());
    await operator.call('SENTINEL', 'MONITOR', 'other', '127.0.0.1', master.port, '1');
    expect(await portOf(connection)).toBe(master.port);
    expect(lines.filter(({ level }) => level !== 'info').length).toBeLessThan(4);
    expect(lines.at(-1)).toEqual({ level: 'info', message: 'Redis is in reach again' });
  });
});

describe('rule 10.7: a user name and a password', () => {
  const access = { username: 'app', password: 'p@ss' };
  const rule = 'user app on >p@ss ~* &* +@all';

  test('are for the servers; sentinels that ask nobody are not told them', async () => {
    const master = await setting().server({ args: [`--${rule}`.split(' '), '--user', 'default', 'off'].flat() });
    const sentinel = await sentinelOf(master);
    expect(await portOf(setting().connect(target([sentinel.port], access)))).toBe(master.port);
  });

  test('are for sentinels too that let nobody in without', async () => {
    const master = await setting().server({ args: [`--${rule}`.split(' '), '--user', 'default', 'off'].flat() });
    const config = [rule, 'user default off', 'sentinel auth-user main app', 'sentinel auth-pass main p@ss'];
    const sentinel = await sentinelOf(master, { config });
    expect(await portOf(setting().connect(target([sentinel.port], access)))).toBe(master.port);
    const { logger, lines } = keepLog();
    const wrong = setting().connect(target([sentinel.port], { ...access, password: 'wrong' }), logger);
    await eventually(
      async () => lines.map(({ message }) => message).join('\n'),
      (messages) => messages.includes('refuses the user name or the password of REDIS_URL: WRONGPASS'),
    );
    expect(wrong.ready).toBe(false);
  });
});
