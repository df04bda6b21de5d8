import { describe, expect, test } from 'vitest';
import { commit, eventually, Heard, loadOne, neighbours } from '../contract/presence-store-setting.ts';
import { freshSetting, keepLog } from './setting.ts';

const setting = freshSetting();
/** So that nothing is found by an audit that should be found otherwise. */
const NO_AUDIT = { auditMs: 3_600_000 };
const HEAD = 'rollcall:{p0}:head';
const CHANNEL = 'rollcall:{p0}:changes';

describe('rule 5.1: a jump in the count', () => {
  test('a message that never came is noticed with the next one', async () => {
    const server = await setting().server();
    const { store } = await setting().node(server.url, NO_AUDIT);
    const operator = setting().operator(server.url);
    const [user = '', unheard = '', next = ''] = neighbours(store, 3);
    const heard = new Heard();
    await store.listen(0, heard);
    await commit(store, user);
    await heard.until('the change', ({ users }) => users.length === 1);
    await losePublication(operator, unheard);
    await commit(store, next);
    await heard.until('what was missed', ({ types }) => types.includes('missed'));
    const missed = heard.events.find((event) => event.type === 'missed');
    expect(missed?.userIds).toEqual([unheard, next]);
    await commit(store, user);
    await store.caughtUp();
    expect(heard.types).toEqual(['changed', 'changed', 'missed', 'changed']);
  });

  test('is known before what shows it is told, until what was missed has been told', async () => {
    const server = await setting().server();
    const { store } = await setting().node(server.url, NO_AUDIT);
    const operator = setting().operator(server.url);
    const [user = '', unheard = '', next = ''] = neighbours(store, 3);
    const unbroken: [userId: string, unbroken: boolean][] = [];
    let tellMissed = (): void => {};
    const missed = new Promise<void>((resolve) => {
      tellMissed = resolve;
    });
    await store.listen(0, {
      changed: (userId) => void unbroken.push([userId, store.unbroken()]),
      missed: () => tellMissed(),
      lost: () => {},
      restored: () => {},
    });
    await commit(store, user);
    await store.caughtUp();
    await losePublication(operator, unheard);
    await commit(store, next);
    await missed;
    await store.caughtUp();
    await commit(store, user);
    await store.caughtUp();
    expect(unbroken).toEqual([
      [user, true],
      [next, false],
      [user, true],
    ]);
  });

  test('a last message that never came is noticed by caughtUp, or by the audit', async () => {
    const server = await setting().server();
    const { store } = await setting().node(server.url, NO_AUDIT);
    const watched = await setting().node(server.url, { auditMs: 50 });
    const operator = setting().operator(server.url);
    const [user = '', unheard = ''] = neighbours(store, 2);
    await commit(store, user);
    const [heard, audited] = [new Heard(), new Heard()];
    await store.listen(0, heard);
    await watched.store.listen(0, audited);
    await losePublication(operator, unheard);
    await store.caughtUp();
    expect(heard.events).toEqual([{ type: 'missed', userIds: [unheard] }]);
    await audited.until('what was missed', ({ types }) => types.includes('missed'));
    expect(audited.events).toEqual([{ type: 'missed', userIds: [unheard] }]);
  });

  test('a message that cannot be read is logged, harms nobody, and hides no change', async () => {
    const server = await setting().server();
    const { logger, lines } = keepLog();
    const { store } = await setting().node(server.url, { ...NO_AUDIT, logger });
    const operator = setting().operator(server.url);
    const [user = '', unheard = ''] = neighbours(store, 2);
    await commit(store, user);
    const heard = new Heard();
    await store.listen(0, heard);
    const garbage = ['', 'x', 'null', '[]', '{}', '{"epoch":"e","seq":1,"id":"a","record":{}}', '\u0000\ufffd'];
    for (const message of garbage) await operator.publish(CHANNEL, message);
    await losePublication(operator, unheard);
    await operator.publish(CHANNEL, 'the change that nobody can read');
    await heard.until('what was missed', ({ types }) => types.includes('missed'));
    expect(heard.events).toEqual([{ type: 'missed', userIds: [unheard] }]);
    await eventually(
      async () => lines.filter(({ level }) => level === 'error').length,
      (errors) => errors === garbage.length + 1,
    );
    await commit(store, user);
    await heard.until('a change afterwards', ({ users }) => users.length === 1);
    expect(heard.types).toEqual(['missed', 'changed']);
  });

  test('a message that comes twice, or late, is no gap', async () => {
    const server = await setting().server();
    const { store } = await setting().node(server.url, NO_AUDIT);
    const operator = setting().operator(server.url);
    const spy = setting().operator(server.url);
    const messages: string[] = [];
    await spy.subscribe(CHANNEL);
    spy.on('message', (_channel, message: string) => messages.push(message));
    const users = neighbours(store, 3);
    const heard = new Heard();
    await store.listen(0, heard);
    for (const user of users) await commit(store, user);
    await eventually(
      async () => messages.length,
      (count) => count === 3,
    );
    for (const message of messages.slice()) await operator.publish(CHANNEL, message);
    await heard.until('all of it twice', ({ users: told }) => told.length === 6);
    await store.caughtUp();
    expect(heard.types).not.toContain('missed');
  });
});

describe('rule 5.4: the store counts on from less than it had told', () => {
  test('a message with an old count and a newer revision shows it, however soon the count is made up', async () => {
    const server = await setting().server();
    const { store } = await setting().node(server.url, NO_AUDIT);
    const operator = setting().operator(server.url);
    const [user = '', ...others] = neighbours(store, 11);
    await commit(store, user);
    const heard = new Heard();
    await store.listen(0, heard);
    const kept = await snapshot(operator);
    for (let round = 0; round < 5; round++) await commit(store, user);
    await heard.until('five changes', ({ users }) => users.length === 5);
    await restore(operator, kept);
    await Promise.all(others.map((other) => commit(store, other)));
    await heard.until('what was missed', ({ types }) => types.includes('missed'));
    expect(heard.events.find((event) => event.type === 'missed')).toEqual({ type: 'missed', userIds: null });
    expect(heard.users.slice(5)).toEqual(others);
  });

  test('without any message, caughtUp shows it', async () => {
    const server = await setting().server();
    const { store } = await setting().node(server.url, NO_AUDIT);
    const operator = setting().operator(server.url);
    const [user = ''] = neighbours(store, 1);
    const first = await commit(store, user);
    const heard = new Heard();
    await store.listen(0, heard);
    const kept = await snapshot(operator);
    await commit(store, user);
    await heard.until('the change', ({ users }) => users.length === 1);
    await restore(operator, kept);
    await store.caughtUp();
    expect(heard.events.at(-1)).toEqual({ type: 'missed', userIds: null });
    expect(await loadOne(store, user)).toEqual(first);
    const next = await commit(store, user);
    await heard.until('a change afterwards', ({ users }) => users.length === 2);
    expect(heard.events.at(-1)).toEqual({ type: 'changed', userId: user, record: next });
  });

  test('a partition that begins anew has another epoch, whatever its count', async () => {
    const server = await setting().server();
    const { store } = await setting().node(server.url, NO_AUDIT);
    const operator = setting().operator(server.url);
    const [user = '', other = ''] = neighbours(store, 2);
    const { rev } = await commit(store, user);
    const heard = new Heard();
    await store.listen(0, heard);
    await operator.del('rollcall:{p0}:log');
    await operator.set(HEAD, `${rev} 1 another-epoch 0 ${Number.MAX_SAFE_INTEGER}`);
    await commit(store, other);
    await heard.until('what was missed', ({ types }) => types.includes('missed'));
    expect(heard.events.filter((event) => event.type === 'missed')).toEqual([{ type: 'missed', userIds: null }]);
    await commit(store, user);
    await heard.until('a change afterwards', ({ users }) => users.length === 2);
    expect(heard.types).toEqual(['changed', 'missed', 'changed']);
  });
});

describe('subscriptions', () => {
  test('are held for the partitions that somebody listens to, for as long as somebody does', async () => {
    const server = await setting().server();
    const { store } = await setting().node(server.url, NO_AUDIT);
    const operator = setting().operator(server.url);
    const channels = async (): Promise<unknown> => ((await operator.pubsub('CHANNELS')) as string[]).sort();
    expect(await channels()).toEqual([]);
    const unlistens = [
      await store.listen(0, new Heard()),
      await store.listen(0, new Heard()),
      await store.listen(7, new Heard()),
    ];
    expect(await channels()).toEqual([CHANNEL, 'rollcall:{p7}:changes']);
    await unlistens[0]?.();
    expect(await channels()).toEqual([CHANNEL, 'rollcall:{p7}:changes']);
    await unlistens[1]?.();
    expect(await channels()).toEqual(['rollcall:{p7}:changes']);
    await unlistens[2]?.();
    expect(await channels()).toEqual([]);
  });

  test('who listens to one partition is not told of another', async () => {
    const server = await setting().server();
    const { store } = await setting().node(server.url, NO_AUDIT);
    const [mine = ''] = neighbours(store, 1, 3);
    const [other = ''] = neighbours(store, 1, 4);
    const heard = new Heard();
    await store.listen(3, heard);
    await commit(store, other);
    await commit(store, mine);
    await heard.until('the change', ({ users }) => users.length === 1);
    expect(heard.users).toEqual([mine]);
  });

  test('left while the connection is away, they are not taken up again', async () => {
    const server = await setting().server();
    const { store } = await setting().node(server.url, NO_AUDIT);
    const operator = setting().operator(server.url);
    const [leaving, staying] = [new Heard(), new Heard()];
    const unlisten = await store.listen(0, leaving);
    await store.listen(1, staying);
    await operator.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await leaving.until('the loss', ({ types }) => types.includes('lost'));
    await unlisten();
    await staying.until('the return', ({ types }) => types.includes('restored'));
    await eventually(
      () => operator.pubsub('CHANNELS'),
      (names) => names.length === 1,
    );
    expect(await operator.pubsub('CHANNELS')).toEqual(['rollcall:{p1}:changes']);
    expect(leaving.types).toEqual(['lost']);
  });
});

interface Operator {
  eval(script: string, keys: number, ...args: string[]): Promise<unknown>;
  keys(pattern: string): Promise<string[]>;
  dumpBuffer(key: string): Promise<Buffer>;
  del(...keys: string[]): Promise<number>;
  restore(key: string, ttl: number, value: Buffer, replace: 'REPLACE'): Promise<unknown>;
}

/** A change that is counted and logged, of which the message got lost. */
async function losePublication(operator: Operator, user: string): Promise<void> {
  await operator.eval(
    `local rev, seq, rest = string.match(redis.call('GET', KEYS[1]), '^(%d+) (%d+) (.*)$')
     redis.call('SET', KEYS[1], string.format('%.0f %.0f %s', rev + 1, seq + 1, rest))
     redis.call('ZADD', KEYS[2], seq + 1, ARGV[1])`,
    2,
    HEAD,
    'rollcall:{p0}:log',
    user,
  );
}

/** All that the store holds, as a replica would have it that has not heard the latest. */
async function snapshot(operator: Operator): Promise<Map<string, Buffer>> {
  const values = new Map<string, Buffer>();
  for (const key of await operator.keys('rollcall:{*')) values.set(key, await operator.dumpBuffer(key));
  return values;
}

async function restore(operator: Operator, values: ReadonlyMap<string, Buffer>): Promise<void> {
  for (const key of await operator.keys('rollcall:{*')) if (!values.has(key)) await operator.del(key);
  for (const [key, value] of values) await operator.restore(key, 0, value, 'REPLACE');
}
