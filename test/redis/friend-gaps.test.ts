import { describe, expect, test } from 'vitest';
import { RedisFriendGraph } from '../../src/friends/redis/graph.ts';
import { CHANGES, HEAD, LOG, listKey } from '../../src/friends/redis/layout.ts';
import { createRollcall } from '../../src/service/create.ts';
import { HOSTILE_IDS } from '../contract/presence-store-setting.ts';
import { Told } from '../contract/told.ts';
import { beat, SETTINGS, user } from '../service/world.ts';
import { quiet } from '../support/quiet.ts';
import { RosterReader } from '../support/reader.ts';
import { freshSetting } from './setting.ts';

const setting = freshSetting();
/** So that nothing is found by an audit that should be found otherwise. */
const NO_AUDIT = { auditMs: 3_600_000 };

interface Opened {
  readonly graph: RedisFriendGraph;
  readonly operator: ReturnType<ReturnType<typeof setting>['operator']>;
  readonly url: string;
}

async function open(options: { auditMs?: number } = NO_AUDIT): Promise<Opened> {
  const server = await setting().server();
  const connection = setting().connect(server.url);
  await connection.whenReady();
  const graph = new RedisFriendGraph(connection, options);
  setting().closing(() => graph.close());
  return { graph, operator: setting().operator(server.url), url: server.url };
}

/** The friendship is made and counted, and its message gets lost. */
async function befriendUnheard(operator: Opened['operator'], a: string, b: string): Promise<void> {
  await operator.eval(
    `local rev, seq, rest = string.match(redis.call('GET', KEYS[1]), '^(%d+) (%d+) (.*)$')
     redis.call('SET', KEYS[1], string.format('%.0f %.0f %s', rev + 1, seq + 1, rest))
     for i = 1, 2 do
       redis.call('ZADD', KEYS[2], seq + 1, ARGV[i])
       redis.call('HSET', KEYS[2 + i], ARGV[3 - i], string.format('%.0f', rev + 1) .. '3')
       redis.call('HSET', KEYS[2 + i], '', string.format('%.0f 0 0', rev + 1))
     end`,
    4,
    HEAD,
    LOG,
    listKey(a),
    listKey(b),
    a,
    b,
  );
}

describe('rule 8.12: changes of friend lists are counted', () => {
  test('a message that never came is noticed with the next one, and only whose lists changed is told', async () => {
    const { graph, operator } = await open();
    await graph.relate('x', 'y', 'add');
    const [alice, carol, zoe] = [new Told(), new Told(), new Told()];
    await graph.listen('alice', alice.note);
    await graph.listen('carol', carol.note);
    await graph.listen('zoe', zoe.note);
    await befriendUnheard(operator, 'alice', 'bob');
    const told = [alice.times(1), carol.times(1)];
    await graph.relate('carol', 'dave', 'add');
    await Promise.all(told);
    expect(zoe.count).toBe(0);
  });

  test('a last message that never came is noticed by the audit', async () => {
    const { graph, operator } = await open({ auditMs: 50 });
    await graph.relate('x', 'y', 'add');
    const alice = new Told();
    await graph.listen('alice', alice.note);
    const told = alice.times(1);
    await befriendUnheard(operator, 'alice', 'bob');
    await told;
  });

  test('a store that counts on from less has everybody read again', async () => {
    const { graph, operator } = await open();
    await graph.relate('x', 'y', 'add');
    const [alice, zoe] = [new Told(), new Told()];
    await graph.listen('alice', alice.note);
    await graph.listen('zoe', zoe.note);
    const kept = (await operator.get(HEAD)) ?? '';
    const first = alice.times(1);
    await graph.relate('alice', 'bob', 'add');
    await first;
    await operator.set(HEAD, kept);
    const told = [alice.times(1), zoe.times(1)];
    await graph.relate('carol', 'dave', 'add');
    await Promise.all(told);
  });

  test('where the log does not reach back so far, everybody is read again', async () => {
    const { graph, operator } = await open();
    await graph.relate('x', 'y', 'add');
    const zoe = new Told();
    await graph.listen('zoe', zoe.note);
    const [rev = '', seq = '', epoch = ''] = ((await operator.get(HEAD)) ?? '').split(' ');
    await operator.set(HEAD, `${rev} ${Number(seq) + 9} ${epoch} ${Number(seq) + 8} ${Number.MAX_SAFE_INTEGER}`);
    const told = zoe.times(1);
    await graph.relate('carol', 'dave', 'add');
    await told;
  });

  test('a message that nobody can read harms nobody', async () => {
    const { graph, operator } = await open();
    const alice = new Told();
    await graph.listen('alice', alice.note);
    for (const message of ['', 'x', 'null', '[]', '["alice"]', '{"ids":["alice"]}']) {
      await operator.publish(CHANGES, message);
    }
    const told = alice.times(1);
    await graph.relate('alice', 'bob', 'add');
    await told;
  });

  test('the log holds as many as it must, each once, whatever their names', async () => {
    const { graph, operator } = await open();
    const names = HOSTILE_IDS.filter((id) => !/\p{Surrogate}/u.test(id));
    const told = names.map(() => new Told());
    for (const [index, name] of names.entries()) await graph.listen(name, told[index]?.note ?? (() => {}));
    await graph.relate('x', 'y', 'add');
    const once = told.map((one) => one.times(1));
    for (const name of names) await graph.relate(name, 'bob', 'add');
    await Promise.all(once);
    expect(await operator.zcard(LOG)).toBe(names.length + 3);
    // Named by the log alone.
    const again = told.map((one) => one.times(1));
    const [rev = '', seq = '', epoch = ''] = ((await operator.get(HEAD)) ?? '').split(' ');
    await operator.set(HEAD, `${rev} ${Number(seq) + 1} ${epoch} 0 ${Number.MAX_SAFE_INTEGER}`);
    for (const member of await operator.zrange(LOG, 0, -1)) await operator.zadd(LOG, Number(seq) + 1, member);
    await graph.relate('carol', 'dave', 'add');
    await Promise.all(again);
  });
});

test('rule 8.12: a roster whose new friend was told in a message that got lost has the friend all the same', async () => {
  const { graph, operator, url } = await open({ auditMs: 50 });
  const { store } = await setting().node(url);
  const rollcall = await createRollcall({
    store,
    friends: graph,
    settings: { ...SETTINGS, heartbeatIntervalMs: 60_000 },
    log: quiet,
  });
  setting().closing(() => rollcall.close());
  await graph.befriend([['ada', 'cy']]);
  const reader = new RosterReader(await rollcall.watchRoster('ada', { only: null, after: null, coalesceMs: 0 }));
  await reader.until('the first frame', ({ items }) => items.length > 0);
  await rollcall.heartbeat(user('bob'), beat('b1'));
  await befriendUnheard(operator, 'ada', 'bob');
  await reader.sees('bob', 'ONLINE');
  await reader.close();
});
