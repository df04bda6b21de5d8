import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RedisFriendGraph } from '../../src/friends/redis/graph.ts';
import { CHANGES, HEAD, LOG, listKey } from '../../src/friends/redis/layout.ts';
import { openRedis, type RedisConnection } from '../../src/redis/connection.ts';
import { Script } from '../../src/redis/script.ts';
import { quiet } from '../support/quiet.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { Told } from './told.ts';

describe('the friend graph in Redis', () => {
  let server: RedisServer;
  let connection: RedisConnection;
  let graph: RedisFriendGraph;
  /** Somebody else's connection, to look and to meddle. */
  let operator: Redis;
  beforeEach(async () => {
    server = await startRedis();
    connection = openRedis(server.url, { logger: quiet });
    await connection.whenReady();
    graph = new RedisFriendGraph(connection);
    operator = new Redis(server.url);
    // Or ioredis complains on the console when the server is gone.
    operator.on('error', () => {});
  });
  afterEach(async () => {
    await graph.close();
    await connection.close();
    operator.disconnect();
    await server.stop();
  });

  it('rule 5: tells every listener after its subscription was lost, since it may have missed something', async () => {
    const [alice, bob] = [new Told(), new Told()];
    await graph.listen('alice', alice.note);
    await graph.listen('bob', bob.note);
    const both = [alice.times(1), bob.times(1)];
    await operator.client('KILL', 'TYPE', 'PUBSUB');
    await Promise.all(both);
    const once = alice.times(1);
    await graph.relate('alice', 'carol', 'add');
    await once;
  });

  it('rule 10: refuses while Redis is away, and goes on when it is back', async () => {
    const told = new Told();
    await graph.listen('alice', told.note);
    await server.kill('SIGKILL');
    const away = { code: 'UNAVAILABLE' };
    await expect(graph.relate('alice', 'bob', 'add')).rejects.toMatchObject(away);
    await expect(graph.list('alice')).rejects.toMatchObject(away);
    await expect(graph.sync('alice', ['bob'])).rejects.toMatchObject(away);
    await expect(graph.listen('bob', told.note)).rejects.toMatchObject(away);
    const back = told.times(1);
    await server.restart();
    await back;
    await connection.whenReady();
    const changed = told.times(1);
    await graph.relate('bob', 'alice', 'add');
    await changed;
    expect(await graph.relations('alice', ['bob'])).toEqual(['incoming']);
  });

  it('subscribes once for all listeners of a process, when the first one comes', async () => {
    const subscribers = async (): Promise<unknown> => (await operator.call('PUBSUB', 'NUMSUB', CHANGES)) as unknown[];
    expect(await subscribers()).toEqual([CHANGES, 0]);
    await Promise.all(['alice', 'bob', 'alice'].map((userId) => graph.listen(userId, () => {})));
    expect(await subscribers()).toEqual([CHANGES, 1]);
    await graph.close();
    expect(await subscribers()).toEqual([CHANGES, 0]);
  });

  it('subscribes for the next listener when Redis has refused it to one', async () => {
    await operator.call('ACL', 'SETUSER', 'default', '-subscribe');
    await expect(graph.listen('alice', () => {})).rejects.toThrow(/NOPERM/);
    await operator.call('ACL', 'SETUSER', 'default', '+subscribe');
    const told = new Told();
    await graph.listen('alice', told.note);
    const once = told.times(1);
    await graph.relate('alice', 'bob', 'add');
    await once;
  });

  it('rule 11: takes versions from the clock of Redis, in microseconds', async () => {
    const micros = async (): Promise<number> => {
      const [seconds, rest] = await operator.time();
      return Number(seconds) * 1_000_000 + Number(rest);
    };
    const before = await micros();
    await graph.relate('alice', 'bob', 'add');
    const after = await micros();
    const { version } = await graph.list('bob');
    expect(version).toBeGreaterThanOrEqual(before);
    expect(version).toBeLessThanOrEqual(after);
  });

  it('rule 4: moves versions on where the clock of Redis has gone back', async () => {
    await graph.relate('alice', 'bob', 'add');
    const ahead = 8_000_000_000_000_000;
    await operator.hset(listKey('alice'), '', `${ahead} 0 0`);
    await graph.relate('bob', 'alice', 'add');
    expect(await graph.list('alice')).toEqual({
      version: ahead + 1,
      floor: 0,
      entries: [{ id: 'bob', relation: 'friend', version: ahead + 1 }],
    });
    expect((await graph.list('bob')).version).toBeLessThan(ahead);
  });

  it('rule 8.6: a script that is sent twice changes things once', async () => {
    const script = new Script(new URL('../../src/friends/redis/lua/relate-n.lua', import.meta.url));
    const befriend = (): Promise<unknown> =>
      script.run(
        connection,
        [HEAD, LOG, listKey('alice'), listKey('bob')],
        ['PUBLISH', CHANGES, 10, 10, 'epoch', 4, 'alice', 'bob', 1, 2, '00', '33', '11'],
      );
    expect(await befriend()).toEqual([[''], [0, 0]]);
    const once = await graph.list('alice');
    expect(await befriend()).toEqual([['33'], [1, 1]]);
    expect(await graph.list('alice')).toEqual(once);
  });

  it('keeps the whole graph in one slot, and beside the lists only what counts their changes', async () => {
    await graph.befriend([
      ['alice', 'bob}'],
      ['{alice', 'carol'],
    ]);
    const keys = (await operator.keys('*')).sort();
    expect(keys).toEqual([...['alice', 'bob}', 'carol', '{alice'].map(listKey), HEAD, LOG].sort());
    const clusterNode = await startRedis({ args: ['--cluster-enabled', 'yes'] });
    const client = new Redis(clusterNode.url);
    const slots = await Promise.all([...keys, CHANGES].map((key) => client.cluster('KEYSLOT', key)));
    client.disconnect();
    await clusterNode.stop();
    expect(new Set(slots).size).toBe(1);
  });
});
