import { describe, expect, test } from 'vitest';
import { EMPTY_RECORD } from '../../src/presence/record.ts';
import type { CommitResult } from '../../src/store/port.ts';
import {
  boundTo,
  changed,
  commit,
  eventually,
  HOSTILE_IDS,
  loadOne,
  neighbours,
} from '../contract/presence-store-setting.ts';
import { freshSetting, keepLog } from './setting.ts';

const setting = freshSetting();

describe('the start', () => {
  test('rule 10.2: without Redis every call fails at once; the store starts as soon as Redis is there', async () => {
    const server = await setting().server();
    await server.kill('SIGKILL');
    const { logger, lines } = keepLog();
    const { store } = setting().open(server.url, { logger });
    expect(store.ready()).toBe(false);
    expect(() => store.lineage()).toThrow(expect.objectContaining({ code: 'UNAVAILABLE' }));
    expect(() => store.clock.now()).toThrow(expect.objectContaining({ code: 'UNAVAILABLE' }));
    await expect(store.load(['a'])).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await expect(store.leases.renew('n', { ms: 1_000, settings: '' }, true)).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    });
    await eventually(
      async () => lines,
      (all) => all.length > 0,
    );
    await server.restart();
    await store.start();
    expect(store.ready()).toBe(true);
    await commit(store, 'a');
    expect(lines.filter(({ level }) => level === 'warn')).toHaveLength(1);
    expect(lines[0]?.message).toMatch(/^Redis cannot be reached \(.*ECONNREFUSED.*\); trying until it can$/);
  });

  test('closing ends a start that waits', async () => {
    const server = await setting().server();
    await server.kill('SIGKILL');
    const { store } = setting().open(server.url);
    const started = store.start();
    await store.close();
    await expect(started).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  test('another number of partitions than the data have: one clear line', async () => {
    const server = await setting().server();
    const first = await setting().node(server.url, { partitions: 16 });
    await commit(first.store, 'a');
    const { logger, lines } = keepLog();
    const second = setting().open(server.url, { logger });
    const message = 'The data in Redis is spread over 16 partitions, not 64: use that number, or another database.';
    await expect(second.store.start()).rejects.toThrow(message);
    // Whoever waits for the start says it.
    expect(lines).toEqual([]);
    expect(second.store.ready()).toBe(false);
    await expect(second.store.load(['a'])).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    const third = await setting().node(server.url, { partitions: 16 });
    expect(third.store.lineage()).toBe(first.store.lineage());
  });
});

test('rule 6.4: a server that does not say which life it is in may have begun another one with each connection', async () => {
  const mute = ['--user', 'default', 'on', 'nopass', '~*', '&*', '+@all', '-info'];
  const server = await setting().server({ args: [...mute, '--appendonly', 'yes', '--appendfsync', 'always'] });
  const { store } = await setting().node(server.url);
  const lineage = store.lineage();
  expect(await store.reach()).toBe(true);
  expect(store.lineage()).toBe(lineage);
  await server.kill('SIGKILL');
  await server.restart();
  await eventually(() => store.reach(), Boolean);
  expect(store.lineage()).not.toBe(lineage);
});

describe('scripts and keys', () => {
  test('scripts that Redis has forgotten are sent again', async () => {
    const server = await setting().server();
    const { store } = await setting().node(server.url);
    const operator = setting().operator(server.url);
    for (let round = 0; round < 3; round++) {
      await operator.script('FLUSH');
      await Promise.all(neighbours(store, 10).map((user) => commit(store, user, { wakeAt: 1 })));
      await operator.script('FLUSH');
      expect(await store.due(2, 100)).toHaveLength(10);
      await operator.script('FLUSH');
      expect(await store.leases.renew(`n${round}`, { ms: 60_000, settings: '' }, true)).toBe(true);
    }
  });

  test('every key of a user shares the slot of the partition', async () => {
    const server = await setting().server();
    const { store } = await setting().node(server.url);
    const operator = setting().operator(server.url);
    for (const hostile of HOSTILE_IDS) await commit(store, hostile, { over: boundTo(hostile), wakeAt: 1 });
    const keys = await operator.keys('*');
    // A record and the members of a node for each of them.
    expect(keys.length).toBeGreaterThan(2 * HOSTILE_IDS.length);
    const strays = keys.filter((key) => !/^rollcall:\{p([0-9]|[1-5][0-9]|6[0-3])\}:/.test(key));
    expect(strays.sort()).toEqual(['rollcall:meta', 'rollcall:revision']);
  });

  test('rule 6.1: revisions are one order over all partitions, also where the clock has run back', async () => {
    const server = await setting().server();
    const { store } = await setting().node(server.url);
    const operator = setting().operator(server.url);
    const [ahead, others] = [neighbours(store, 5, 0), neighbours(store, 5, 1)];
    const revisions = async (users: readonly string[]): Promise<number[]> =>
      (await Promise.all(users.map((user) => commit(store, user)))).map(({ rev }) => rev);
    // Those that go out together are made in one microsecond.
    const together = await revisions([...ahead, ...others]);
    expect(together).toEqual(together.toSorted((a, b) => a - b));
    // What a clock that has run back by a minute leaves behind.
    const minuteAhead = (store.clock.now() + 60_000) * 1_000;
    await operator.set('rollcall:{p0}:head', `${minuteAhead} 5 epoch 0 ${Number.MAX_SAFE_INTEGER}`);
    const [before = 0] = await revisions(ahead.slice(0, 1));
    expect(before).toBeGreaterThan(minuteAhead);
    const [after = 0] = await revisions(others.slice(0, 1));
    expect(after).toBeGreaterThan(before);
  });

  test('while no deadline passes, looking for them is one command, however many there are', async () => {
    const server = await setting().server();
    const { store } = await setting().node(server.url);
    const operator = setting().operator(server.url);
    const users = Array.from({ length: 300 }, (_, index) => `user-${index}`);
    await Promise.all(users.map((user) => commit(store, user, { wakeAt: store.clock.now() + 60_000 })));
    await commit(store, 'past', { wakeAt: 1 });
    expect(await store.due(store.clock.now(), 10)).toEqual(['past']);
    await commit(store, 'past', { wakeAt: null });
    // Nothing is due any more, which the first look finds out and notes.
    expect(await store.due(store.clock.now(), 10)).toEqual([]);
    await operator.config('RESETSTAT');
    for (let round = 0; round < 5; round++) expect(await store.due(store.clock.now(), 10)).toEqual([]);
    const stats = await operator.info('commandstats');
    expect(stats).toContain('cmdstat_mget:calls=5,');
    expect(stats).not.toContain('cmdstat_evalsha');
  });

  test('a node is not kept for ever by members whose records are gone', async () => {
    const server = await setting().server();
    const { store } = await setting().node(server.url);
    const operator = setting().operator(server.url);
    await store.leases.renew('n1', { ms: 20, settings: '' }, true);
    const [user = '', other = ''] = neighbours(store, 2, 5);
    await commit(store, user, { over: boundTo('n1') });
    await commit(store, other, { over: boundTo('n1') });
    await operator.del(`rollcall:{p5}:record:${user}`);
    await eventually(
      () => store.leases.lost(),
      (nodes) => nodes.length === 1,
    );
    await store.leases.forget('n1');
    expect(await store.leases.members('n1', 10)).toEqual([other]);
    await commit(store, other, { over: { sessions: [] } });
    await store.leases.forget('n1');
    expect(await store.leases.lost()).toEqual([]);
  });
});

describe('what goes wrong for one user goes wrong for nobody else', () => {
  test('a stored record that cannot be read', async () => {
    const server = await setting().server();
    const { logger, lines } = keepLog();
    const { store } = await setting().node(server.url, { logger });
    const operator = setting().operator(server.url);
    const good = await commit(store, 'good');
    for (const text of ['', '{', 'null', '{"rev":5,"nothing":"else"}', '{"rev":5,']) {
      lines.length = 0;
      const partition = store.partitionOf('bad');
      await operator.set(`rollcall:{p${partition}}:record:bad`, text);
      expect(await store.load(['bad', 'good'])).toEqual([EMPTY_RECORD, good]);
      expect(lines).toEqual([{ level: 'error', message: 'a stored record cannot be read' }]);
      const record = changed(EMPTY_RECORD);
      const commits = [EMPTY_RECORD, good].map((previous) =>
        store.commit({ userId: 'bad', previous, record, wakeAt: null, visible: true }),
      );
      for (const attempt of commits) {
        await expect(attempt).rejects.toThrow('The stored record of user "bad" cannot be read.');
      }
      expect(await operator.get(`rollcall:{p${partition}}:record:bad`)).toBe(text);
    }
    expect(await loadOne(store, 'good')).toEqual(good);
  });
});

describe('commits that are sent together', () => {
  test('share neither conflicts nor faults', async () => {
    const server = await setting().server();
    const { store } = await setting().node(server.url);
    const operator = setting().operator(server.url);
    const first = await commit(store, 'late');
    const [good = '', alsoGood = ''] = neighbours(store, 2, 1);
    const [broken = ''] = neighbours(store, 1, 2);
    const [lost = ''] = neighbours(store, 1, 3);
    await operator.set('rollcall:{p2}:due', 'no sorted set');
    await operator.set('rollcall:{p3}:head', 'no head');
    await store.leases.forget('gone');
    const attempt = (userId: string, over = {}): Promise<CommitResult> =>
      store.commit({
        userId,
        previous: EMPTY_RECORD,
        record: changed(EMPTY_RECORD, over),
        wakeAt: null,
        visible: true,
      });
    const outcomes = await Promise.allSettled([
      attempt(good, boundTo('n1', 'n2')),
      attempt('late'),
      attempt(broken),
      attempt(lost),
      attempt('asleep', boundTo('n1', 'gone')),
      attempt(alsoGood, boundTo('n2')),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'rejected',
      'rejected',
      'rejected',
      'fulfilled',
    ]);
    expect(outcomes[1]).toMatchObject({ value: { committed: false, record: first } });
    expect(outcomes[2]).toMatchObject({ reason: { message: expect.stringContaining('WRONGTYPE') } });
    expect(outcomes[3]).toMatchObject({ reason: { message: expect.stringContaining('arithmetic') } });
    expect(outcomes[4]).toMatchObject({ reason: { code: 'UNAVAILABLE' } });
    expect((await store.leases.members('n2', 10)).sort()).toEqual([good, alsoGood].sort());
    expect(await store.leases.members('n1', 10)).toEqual([good]);
    expect((await loadOne(store, alsoGood)).sessions).toHaveLength(1);
  });

  test('are any number', async () => {
    const server = await setting().server();
    const { store } = await setting().node(server.url);
    const users = Array.from({ length: 1_000 }, (_, index) => `user-${index}`);
    const records = await Promise.all(users.map((user) => commit(store, user, { over: boundTo(`of ${user}`) })));
    expect(await store.load(users)).toEqual(records);
    expect(records.map(({ sessions }) => sessions[0]?.binding?.node)).toEqual(users.map((user) => `of ${user}`));
    await Promise.all(users.map((user, index) => commit(store, user, { over: boundTo(`new ${index % 10}`) })));
    for (const user of users.slice(0, 20)) expect(await store.leases.members(`of ${user}`, 10)).toEqual([]);
    expect((await store.leases.members('new 3', 1_000)).sort()).toEqual(users.filter((_, i) => i % 10 === 3).sort());
  });
});

describe('rule 10.2: what Redis refuses for now is UNAVAILABLE', () => {
  test('a full server', async () => {
    const server = await setting().server();
    const { store } = await setting().node(server.url);
    const operator = setting().operator(server.url);
    const record = await commit(store, 'a');
    await operator.config('SET', 'maxmemory', '1');
    await expect(commit(store, 'a')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(await loadOne(store, 'a')).toEqual(record);
    await operator.config('SET', 'maxmemory', '0');
    await commit(store, 'a');
  });

  test('a replica', async () => {
    const server = await setting().server();
    const { connection, store } = await setting().node(server.url);
    const operator = setting().operator(server.url);
    await commit(store, 'a');
    await operator.replicaof('127.0.0.1', '1');
    const lost = new Promise<void>((resolve) => connection.onLost(resolve));
    await expect(commit(store, 'a')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    // By now another server may be the master behind the same address.
    await lost;
    await operator.replicaof('NO', 'ONE');
    await eventually(
      () =>
        commit(store, 'a').then(
          () => true,
          () => false,
        ),
      (committed) => committed,
    );
  });

  test('a server that answers nobody: every call ends, and all goes on when it wakes', async () => {
    const server = await setting().server();
    const { store } = await setting().node(server.url);
    await commit(store, 'a');
    await server.kill('SIGSTOP');
    const calls = [store.load(['a']), store.due(1, 1), store.caughtUp(), store.leases.lost()];
    await Promise.all(calls.map((call) => expect(call).rejects.toMatchObject({ code: 'UNAVAILABLE' })));
    await server.kill('SIGCONT');
    await eventually(
      () =>
        commit(store, 'a').then(
          () => true,
          () => false,
        ),
      (committed) => committed,
    );
    expect(store.ready()).toBe(true);
  });
});
