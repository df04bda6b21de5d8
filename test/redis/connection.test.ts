import { describe, expect, test } from 'vitest';
import { openRedis } from '../../src/redis/connection.ts';
import { Script } from '../../src/redis/script.ts';
import { eventually } from '../contract/presence-store-setting.ts';
import { freshSetting, keepLog } from './setting.ts';

const setting = freshSetting();

describe('a connection', () => {
  test('an address that can never work is refused, without repeating it', () => {
    for (const url of ['', 'localhost', 'http://user:secret@host', 'redis://host/x', 'redis://host:99999']) {
      const open = (): unknown => openRedis(url);
      expect(open).toThrow(/^REDIS_URL/);
      expect(open).not.toThrow(/secret/);
    }
  });

  test('rule 10.2: while Redis is away calls fail at once; they work again when it is back', async () => {
    const server = await setting().server();
    const connection = setting().connect(server.url);
    const states: string[] = [];
    connection.onReady(() => states.push('ready'));
    connection.onLost(() => states.push('lost'));
    await connection.whenReady();
    await connection.call('key', (redis) => redis.set('key', 'value'));
    await server.kill('SIGKILL');
    await eventually(
      async () => connection.ready,
      (ready) => !ready,
    );
    await expect(connection.call('key', (redis) => redis.get('key'))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await server.restart();
    await connection.whenReady();
    expect(await connection.call('key', (redis) => redis.get('key'))).toBeNull();
    expect(states).toEqual(['ready', 'lost', 'ready']);
  });

  test('a call under way when the connection breaks is sent once more', async () => {
    const server = await setting().server();
    const connection = setting().connect(server.url);
    const operator = setting().operator(server.url);
    await connection.whenReady();
    const popped = connection.call('key', (redis) => redis.blpop('list', 0));
    await eventually(
      () => operator.info('clients'),
      (info) => info.includes('blocked_clients:1'),
    );
    await operator.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await eventually(
      () => operator.info('clients'),
      (info) => info.includes('blocked_clients:1'),
    );
    await operator.rpush('list', 'item');
    expect(await popped).toEqual(['list', 'item']);
  });

  test('an answer that means a mistake of ours stays what it is', async () => {
    const server = await setting().server();
    const connection = setting().connect(server.url);
    await connection.whenReady();
    await connection.call('key', (redis) => redis.set('key', 'text'));
    await expect(connection.call('key', (redis) => redis.sadd('key', 'x'))).rejects.toThrow(/^WRONGTYPE/);
  });

  test('a wrong password keeps it waiting, and the log says why without saying it', async () => {
    const server = await setting().server({ args: ['--requirepass', 'right'] });
    const { logger, lines } = keepLog();
    const wrong = setting().connect(server.url.replace('//', '//:wrong@'), logger);
    const right = setting().connect(server.url.replace('//', '//:right@'));
    await right.whenReady();
    await eventually(
      async () => lines,
      (all) => all.length > 0,
    );
    expect(lines[0]?.message).toMatch(/WRONGPASS/);
    expect(lines[0]?.message).not.toContain('wrong@');
    expect(wrong.ready).toBe(false);
    await expect(wrong.call('key', (redis) => redis.get('key'))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  test('a database that does not exist is not replaced by another one', async () => {
    const server = await setting().server();
    const { logger, lines } = keepLog();
    const connection = setting().connect(`${server.url}/99`, logger);
    await expect(connection.whenReady()).rejects.toThrow('DB index is out of range');
    expect(lines).toEqual([]);
    const operator = setting().operator(server.url);
    await eventually(
      async () => /total_connections_received:(\d+)/.exec(await operator.info('stats'))?.[1],
      (count) => Number(count) > 6,
    );
    expect(connection.ready).toBe(false);
    const second = setting().connect(`${server.url}/3`);
    await second.whenReady();
    await second.call('key', (redis) => redis.set('key', 'value'));
    expect(await operator.info('keyspace')).toContain('db3:keys=1');
  });

  test('closing is final, idempotent, and lets calls under way finish', async () => {
    const server = await setting().server();
    const connection = setting().connect(server.url);
    await connection.whenReady();
    const call = connection.call('key', (redis) => redis.set('key', 'value'));
    await Promise.all([connection.close(), connection.close()]);
    expect(await call).toBe('OK');
    expect(connection.ready).toBe(false);
    await expect(connection.call('key', (redis) => redis.get('key'))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await expect(connection.whenReady()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    const operator = setting().operator(server.url);
    const clients = String(await operator.client('LIST'))
      .trim()
      .split('\n');
    expect(clients).toHaveLength(1);
  });

  test('closing ends whoever waits for a server that never was', async () => {
    const connection = setting().connect('redis://127.0.0.1:1');
    const waiting = connection.whenReady();
    await connection.close();
    await expect(waiting).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });
});

describe('a subscription', () => {
  test('outlives reconnects, and says when it was lost and when it is back', async () => {
    const server = await setting().server();
    const connection = setting().connect(server.url);
    const operator = setting().operator(server.url);
    await connection.whenReady();
    const told: string[] = [];
    const listener = {
      message: (text: string) => void told.push(text),
      lost: () => void told.push('(lost)'),
      resubscribed: () => void told.push('(back)'),
    };
    const unsubscribe = await connection.subscriber.subscribe('channel', listener);
    await operator.publish('channel', 'one 🦊');
    await eventually(
      async () => told.length,
      (count) => count === 1,
    );
    await operator.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await eventually(
      async () => told.length,
      (count) => count === 3,
    );
    await operator.publish('channel', 'two');
    await eventually(
      async () => told.length,
      (count) => count === 4,
    );
    expect(told).toEqual(['one 🦊', '(lost)', '(back)', 'two']);
    await unsubscribe();
    await unsubscribe();
    expect(await operator.pubsub('CHANNELS')).toEqual([]);
  });

  test('what Redis refuses is told to who asked, and to nobody else', async () => {
    const server = await setting().server();
    const operator = setting().operator(server.url);
    await operator.acl('SETUSER', 'reader', 'on', '>pass', '+@all', '~*', 'resetchannels', '&rollcall:*');
    const connection = setting().connect(server.url.replace('//', '//reader:pass@'));
    await connection.whenReady();
    const listener = { message: () => {}, lost: () => {}, resubscribed: () => {} };
    await expect(connection.subscriber.subscribe('forbidden', listener)).rejects.toThrow(/^NOPERM/);
    await expect(connection.subscriber.subscribe('forbidden', listener)).rejects.toThrow(/^NOPERM/);
    const unsubscribe = await connection.subscriber.subscribe('rollcall:allowed', listener);
    await unsubscribe();
  });
});

describe('a script', () => {
  test('its file name says how many keys it takes', async () => {
    const script = new Script(new URL('../../src/redis/lua/changes-2.lua', import.meta.url));
    const server = await setting().server();
    const connection = setting().connect(server.url);
    await connection.whenReady();
    expect(() => script.run(connection, ['one'], [])).toThrow('takes 2 keys, not 1');
    expect(() => new Script(new URL('./connection.test.ts', import.meta.url))).toThrow('must end in');
  });
});
