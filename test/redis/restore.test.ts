import { afterEach, describe, expect, test } from 'vitest';
import { RedisFriendGraph } from '../../src/friends/redis/graph.ts';
import { EMPTY_RECORD, type PresenceRecord } from '../../src/presence/record.ts';
import { createRollcall, type RunningRollcall } from '../../src/service/create.ts';
import type { RedisPresenceStore } from '../../src/store/redis/redis-presence-store.ts';
import { eventually, Heard, loadOne } from '../contract/presence-store-setting.ts';
import { backend, beat, SETTINGS, user } from '../service/world.ts';
import { quiet } from '../support/quiet.ts';
import { RosterReader } from '../support/reader.ts';
import type { RedisServer } from '../support/redis.ts';
import { freshSetting } from './setting.ts';

const setting = freshSetting();
const SPANS = { ...SETTINGS, heartbeatIntervalMs: 60_000, nodeLeaseMs: 3_000 };
const readers: RosterReader[] = [];
afterEach(async () => {
  for (const reader of readers.splice(0)) await reader.close();
});

interface Running {
  readonly rollcall: RunningRollcall;
  readonly store: RedisPresenceStore;
}

async function start({ url }: RedisServer): Promise<Running> {
  const { connection, store } = await setting().node(url, { auditMs: 50 });
  const friends = new RedisFriendGraph(connection, { auditMs: 50 });
  setting().closing(() => friends.close());
  const rollcall = await createRollcall({ store, friends, settings: SPANS, log: quiet });
  setting().closing(() => rollcall.close());
  return { rollcall, store };
}

/** A store that finds other data than before is out of reach for a moment. */
function look({ store }: Pick<Running, 'store'>, userId: string): Promise<PresenceRecord> {
  return loadOne(store, userId).catch(() => EMPTY_RECORD);
}

async function watch({ rollcall }: Running, viewer: string): Promise<RosterReader> {
  const reader = new RosterReader(await rollcall.watchRoster(viewer, { only: null, after: null, coalesceMs: 0 }));
  readers.push(reader);
  return reader.until('the first frame', ({ items }) => items.length > 0);
}

/** All that the store holds; the function returned makes it so again, as a failover does that has lost what came since. */
async function keep(server: RedisServer): Promise<() => Promise<void>> {
  const operator = setting().operator(server.url);
  const values = new Map<string, Buffer>();
  for (const key of await operator.keys('rollcall:{p*')) values.set(key, await operator.dumpBuffer(key));
  return async () => {
    const pipeline = operator.multi();
    for (const key of await operator.keys('rollcall:{p*')) if (!values.has(key)) pipeline.del(key);
    for (const [key, value] of values) pipeline.restore(key, 0, value, 'REPLACE');
    await pipeline.exec();
  };
}

const HIDE = { invisible: true, hideFrom: [], showTo: [] };
const SHOWN = ['ONLINE', 'AWAY', 'DO_NOT_DISTURB'];

describe('rule 5.6: a store that has lost that somebody hides', () => {
  test.each([
    ['from everyone', HIDE],
    ['from one person', { invisible: null, hideFrom: ['ada'], showTo: [] }],
  ])(
    '%s: whoever watches never sees them, whatever node writes next, and the store knows it again',
    async (_, hiding) => {
      const server = await setting().server();
      const [here, there] = [await start(server), await start(server)];
      await here.rollcall.syncFriends(backend, 'ada', ['bob']);
      await here.rollcall.heartbeat(user('bob'), beat('s1'));
      const reader = await watch(there, 'ada');
      await reader.sees('bob', 'ONLINE');
      const fallBack = await keep(server);
      await here.rollcall.setVisibility(user('bob'), hiding);
      await reader.sees('bob', 'OFFLINE');
      const frames = reader.items.length;
      // One that remembers nothing.
      const newcomer = await start(server);
      await fallBack();
      await newcomer.rollcall.heartbeat(user('bob'), beat('s2', { client: 'MOBILE' }));
      const known = await eventually(
        () => look(newcomer, 'bob'),
        ({ everyone, apart }) => everyone.hidden || apart['ada']?.hidden === true,
      );
      expect(known.sessions.map(({ id }) => id)).toContain('s2');
      // Behind all that has been told so far.
      await there.rollcall.syncFriends(backend, 'ada', ['bob', 'cy']);
      await reader.until('a later frame', ({ roster }) => roster.has('cy'));
      const shown = reader.items.slice(frames).flatMap(({ changes }) => changes.filter(({ id }) => id === 'bob'));
      expect(shown.filter(({ view }) => SHOWN.includes(view.status))).toEqual([]);
      expect((await here.rollcall.see('ada', ['bob']))[0]?.view?.status).toBe('OFFLINE');
    },
  );

  test('a stream that begins right after it, on a node that remembers, does not show them; another kind of choice stays', async () => {
    const server = await setting().server();
    const here = await start(server);
    await here.rollcall.syncFriends(backend, 'ada', ['bob']);
    await here.rollcall.heartbeat(user('bob'), beat('s1'));
    const fallBack = await keep(server);
    await here.rollcall.setVisibility(user('bob'), HIDE);
    const newcomer = await start(server);
    await fallBack();
    await newcomer.rollcall.setCustomStatus(user('bob'), { text: 'here', emoji: null, expiresAt: null });
    const reader = await eventually(
      () => watch(here, 'ada').catch(() => null),
      (begun) => begun !== null,
    );
    expect(reader?.items[0]?.changes).toMatchObject([{ id: 'bob', view: { status: 'OFFLINE', customStatus: null } }]);
    const known = await eventually(
      () => look(newcomer, 'bob'),
      ({ everyone }) => everyone.hidden,
    );
    expect(known.customStatus?.text).toBe('here');
  });

  test('a store that was emptied is told of it together with the session that a connection keeps', async () => {
    const server = await setting().server();
    const [here, there] = [await start(server), await start(server)];
    here.rollcall.connectionOpened('c1');
    await here.rollcall.heartbeat(user('bob', 'c1'), beat('s1', { bindToConnection: true }));
    await here.rollcall.setVisibility(user('bob'), HIDE);
    const heard = new Heard();
    await there.store.listen(there.store.partitionOf('bob'), heard);
    await setting().operator(server.url).flushall();
    const record = await eventually(
      () => look(there, 'bob'),
      ({ sessions }) => sessions.length > 0,
    );
    expect(record).toMatchObject({ everyone: { hidden: true }, sessions: [{ binding: { connection: 'c1' } }] });
    const told = heard.events.flatMap((event) => (event.type === 'changed' ? [event.record.everyone.view.status] : []));
    expect(told.filter((status) => SHOWN.includes(status))).toEqual([]);
  });

  test('what was chosen is brought back of those too who have no connection', async () => {
    const server = await setting().server();
    const { rollcall, store } = await start(server);
    await rollcall.setVisibility(user('bob'), HIDE);
    await rollcall.setOverride(user('cy'), { status: 'OFFLINE', source: 'x', priority: 1, expiresAt: null });
    const before = await loadOne(store, 'bob');
    await setting().operator(server.url).flushall();
    const after = await eventually(
      () => look({ store }, 'bob'),
      ({ everyone }) => everyone.hidden,
    );
    expect(after.rev).toBeGreaterThan(before.rev);
    await eventually(
      () => look({ store }, 'cy'),
      ({ overrides }) => overrides.length === 1,
    );
  });
});
