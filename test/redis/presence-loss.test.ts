import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { commit, eventually, Heard, loadOne, neighbours } from '../contract/presence-store-setting.ts';
import { Follower } from './follower.ts';
import { freshSetting } from './setting.ts';

const setting = freshSetting();

describe('rule 5.1: what pub/sub loses, the change log makes good', () => {
  test('a subscriber killed in the middle of a burst misses nothing for good', async () => {
    const server = await setting().server();
    const [here, there] = await Promise.all([setting().node(server.url), setting().node(server.url)]);
    const operator = setting().operator(server.url);
    const users = neighbours(here.store, 20);
    const follower = new Follower(here.store, users);
    await here.store.listen(0, follower);

    for (let round = 0; round < 400; round++) {
      if (round % 100 === 50) await operator.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
      await commit(there.store, users[(round * 7) % users.length] ?? '');
    }
    await follower.until('the end of the losses', ({ types }) => types.at(-1) !== 'lost' && types.includes('restored'));
    await eventually(
      async () => here.store.ready(),
      (ready) => ready,
    );
    await follower.settled();

    expect(follower.types.filter((type) => type === 'lost').length).toBeGreaterThan(0);
    expect(follower.types.filter((type) => type === 'restored')).toHaveLength(
      follower.types.filter((type) => type === 'lost').length,
    );
    const missed = follower.events.flatMap((event) => (event.type === 'missed' ? [event.userIds] : []));
    expect(missed.length).toBeGreaterThan(0);
    // The server is the same one, so the log can say exactly who.
    expect(missed).not.toContain(null);
    const stored = await there.store.load(users);
    expect(users.map((user) => follower.known.get(user))).toEqual(stored);
  });

  test('who changed while the connection was away is named, and nobody else', async () => {
    const server = await setting().server();
    const [here, there] = await Promise.all([setting().node(server.url), setting().node(server.url)]);
    const operator = setting().operator(server.url);
    const users = neighbours(here.store, 6);
    const [first = '', second = '', third = ''] = users;
    const heard = new Heard();
    await here.store.listen(0, heard);
    await commit(there.store, first);
    await heard.until('the first change', ({ users: told }) => told.length === 1);

    await operator.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await heard.until('the loss', ({ types }) => types.includes('lost'));
    expect(here.store.ready()).toBe(false);
    await Promise.all([commit(there.store, second), commit(there.store, third)]);
    await commit(there.store, second);
    await heard.until('the return', ({ types }) => types.includes('restored'));

    const [changed, lost, missed, restored, ...more] = heard.events;
    expect([changed?.type, lost?.type, missed?.type, restored?.type]).toEqual([
      'changed',
      'lost',
      'missed',
      'restored',
    ]);
    expect(missed?.type === 'missed' && new Set(missed.userIds)).toEqual(new Set([second, third]));
    expect(more).toEqual([]);
    await commit(there.store, first);
    await heard.until('a change afterwards', ({ users: told }) => told.length === 2);
  });

  test('where the log does not reach back so far, everybody may have changed', async () => {
    const server = await setting().server();
    const options = { logSize: 4 };
    const [here, there] = await Promise.all([setting().node(server.url, options), setting().node(server.url, options)]);
    const operator = setting().operator(server.url);
    const users = neighbours(here.store, 8);
    const heard = new Heard();
    await here.store.listen(0, heard);

    const lose = async (changes: readonly string[]): Promise<readonly string[] | null | undefined> => {
      const before = heard.events.length;
      await operator.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
      await heard.until('the loss', ({ events }) => events.slice(before).some(({ type }) => type === 'lost'));
      for (const user of changes) await commit(there.store, user);
      await heard.until('the return', ({ events }) => events.slice(before).some(({ type }) => type === 'restored'));
      const missed = heard.events.slice(before).find((event) => event.type === 'missed');
      return missed?.userIds;
    };
    const many = users.slice(0, 7);
    expect(await lose(many)).toBeNull();
    expect(await lose(users.slice(0, 4))).toEqual(users.slice(0, 4));
    // However often few people change, the log holds each of them once.
    expect(await lose(Array.from({ length: 40 }, (_, index) => users[index % 3] ?? ''))).toHaveLength(3);
    expect(await operator.zcard('rollcall:{p0}:log')).toBe(4);
  });

  test('another process is heard', async () => {
    const server = await setting().server();
    const { store } = await setting().node(server.url);
    const heard = new Heard();
    const [user = ''] = neighbours(store, 1);
    await store.listen(0, heard);
    await commitElsewhere(server.url, user);
    await heard.until('the change', ({ users }) => users.length === 1);
    expect(heard.events).toEqual([{ type: 'changed', userId: user, record: await loadOne(store, user) }]);
  });
});

describe('rule 5.2: the store itself is lost', () => {
  test('killed and started again empty: lost, everybody missed, restored, another lineage', async () => {
    const server = await setting().server();
    const [here, there] = await Promise.all([setting().node(server.url), setting().node(server.url)]);
    const [user = ''] = neighbours(here.store, 1);
    const heard = new Heard();
    await here.store.listen(0, heard);
    const before = await commit(there.store, user);
    await heard.until('the change', ({ users }) => users.length === 1);
    const lineage = here.store.lineage();

    await server.kill('SIGKILL');
    await heard.until('the loss', ({ types }) => types.includes('lost'));
    await expect(here.store.load([user])).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await expect(here.store.listen(0, new Heard())).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await expect(here.store.caughtUp()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(here.store.clock.now()).toBeGreaterThan(before.rev / 1_000 - 1_000);

    await server.restart();
    await heard.until('the return', ({ types }) => types.includes('restored'));
    expect(heard.events.slice(1)).toEqual([{ type: 'lost' }, { type: 'missed', userIds: null }, { type: 'restored' }]);
    expect(here.store.lineage()).not.toBe(lineage);
    await there.store.start();
    await eventually(
      async () => there.store.ready(),
      (ready) => ready,
    );
    expect(there.store.lineage()).toBe(here.store.lineage());

    const after = await commit(there.store, user);
    expect(after.rev).toBeGreaterThan(before.rev);
    await heard.until('a change afterwards', ({ users }) => users.length === 2);
    expect(heard.events.at(-1)).toEqual({ type: 'changed', userId: user, record: after });
  });

  test('rule 5.4: started again from disk, it may have lost its last moments: everybody is missed', async () => {
    const server = await setting().server({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] });
    const { store } = await setting().node(server.url);
    const [user = ''] = neighbours(store, 1);
    const heard = new Heard();
    await store.listen(0, heard);
    const before = await commit(store, user);
    await heard.until('the change', ({ users }) => users.length === 1);
    const lineage = store.lineage();
    await server.restart();
    await heard.until('the return', ({ types }) => types.includes('restored'));
    expect(heard.events.slice(1)).toEqual([{ type: 'lost' }, { type: 'missed', userIds: null }, { type: 'restored' }]);
    expect(store.lineage()).not.toBe(lineage);
    expect(await loadOne(store, user)).toEqual(before);
  });

  test('emptied under open connections: noticed by the audit', async () => {
    const server = await setting().server();
    const { store } = await setting().node(server.url, { auditMs: 50 });
    const operator = setting().operator(server.url);
    const [user = ''] = neighbours(store, 1);
    await commit(store, user);
    const lineage = store.lineage();
    const heard = new Heard();
    await store.listen(0, heard);
    await operator.flushall();
    await heard.until('the return', ({ types }) => types.includes('restored'));
    // An audit that had already begun may have told of it before.
    const events = heard.events.slice(heard.types.indexOf('lost'));
    expect(events).toEqual([{ type: 'lost' }, { type: 'missed', userIds: null }, { type: 'restored' }]);
    expect(store.lineage()).not.toBe(lineage);
  });
});

async function commitElsewhere(url: string, user: string): Promise<void> {
  const script = fileURLToPath(new URL('./commit-once.ts', import.meta.url));
  await promisify(execFile)(process.execPath, ['--import', 'tsx', script, url, user]);
}
