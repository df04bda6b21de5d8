import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  AddFriendDocument,
  BlockUserDocument,
  ClearOverrideDocument,
  EndSessionDocument,
  HeartbeatDocument,
  RemoveFriendDocument,
  SetCustomStatusDocument,
  SetOverrideDocument,
  SetVisibilityDocument,
  SyncFriendsDocument,
  UnblockUserDocument,
} from '../../src/client/gql/graphql.ts';
import { backend, user, type World } from '../service/world.ts';
import { openEmbeddedWorld } from './embedded-world.ts';
import { Graph } from './graph.ts';

let world: World;
let graph: Graph;

beforeAll(async () => {
  world = await openEmbeddedWorld();
  graph = new Graph(world.rollcall);
});

afterAll(async () => {
  await world.close();
  expect(graph.unexpected).toEqual([]);
});

describe('sessions', () => {
  test('rule 2.1: a heartbeat starts a session and says when the next is due', async () => {
    const { heartbeat } = await graph.run(user('ann'), HeartbeatDocument, {
      input: { sessionId: 'tab', client: 'WEB' },
    });
    expect(heartbeat.nextHeartbeatMs).toBe(30_000);
    expect(heartbeat.session).toMatchObject({ id: 'tab', client: 'WEB', activity: 'ACTIVE' });
    const { lastActiveAt, expiresAt } = heartbeat.session;
    expect(Date.parse(expiresAt ?? '') - Date.parse(lastActiveAt)).toBe(40_000);
  });

  test.each([
    ['left out', { sessionId: 's' }],
    ['null', { sessionId: 's', client: null, activity: null, bindToConnection: null }],
  ])('take the defaults for what is %s', async (_what, input) => {
    const { heartbeat } = await graph.run(user(`default-${_what}`), HeartbeatDocument, { input });
    expect(heartbeat.session).toMatchObject({ client: 'OTHER', activity: 'ACTIVE' });
    expect(heartbeat.nextHeartbeatMs).toBe(30_000);
  });

  test('rule 2.2: a session bound to an open connection needs no more heartbeats', async () => {
    world.rollcall.connectionOpened('socket');
    const bound = user('bea', 'socket');
    const { heartbeat } = await graph.run(bound, HeartbeatDocument, {
      input: { sessionId: 's', bindToConnection: true },
    });
    expect(heartbeat).toMatchObject({ nextHeartbeatMs: null, session: { expiresAt: null } });
    await world.rollcall.connectionClosed('socket');
  });

  test('rule 2.8: are ended at once, and ending twice is no error', async () => {
    const cal = user('cal');
    const query = 'mutation { heartbeat(input: { sessionId: "s" }) { viewer { presence { status } } } }';
    expect((await graph.execute(cal, query)).data).toEqual({
      heartbeat: { viewer: { presence: { status: 'ONLINE' } } },
    });
    for (let time = 0; time < 2; time += 1) {
      const { endSession } = await graph.run(cal, EndSessionDocument, { input: { sessionId: 's' } });
      expect(endSession.viewer).toMatchObject({ id: 'cal', sessions: [], presence: { status: 'OFFLINE' } });
    }
  });

  test('rule 1.14: one too many is LIMIT_EXCEEDED', async () => {
    const hoarder = user('hoarder');
    for (let index = 0; index < 100; index += 1) {
      await graph.run(hoarder, HeartbeatDocument, { input: { sessionId: `s${index}` } });
    }
    const query = 'mutation { heartbeat(input: { sessionId: "more" }) { nextHeartbeatMs } }';
    expect(await graph.refusal(hoarder, query)).toMatchObject({ code: 'LIMIT_EXCEEDED' });
  });
});

describe('status', () => {
  test('rule 1.4: overrides are set and cleared by their source', async () => {
    const dot = user('dot');
    await graph.run(dot, HeartbeatDocument, { input: { sessionId: 's' } });
    const expiresAt = new Date(Date.now() + 60_000).toISOString();
    const meeting = { status: 'DO_NOT_DISTURB', source: 'calendar', priority: 10, expiresAt } as const;
    await graph.run(dot, SetOverrideDocument, { input: { status: 'AWAY' } });
    const set = (await graph.run(dot, SetOverrideDocument, { input: meeting })).setOverride.viewer;
    expect(set.presence.status).toBe('DO_NOT_DISTURB');
    expect(set.overrides).toEqual([meeting, { source: 'user', status: 'AWAY', priority: 0, expiresAt: null }]);
    const cleared = await graph.run(dot, ClearOverrideDocument, { input: { source: 'calendar' } });
    expect(cleared.clearOverride.viewer.presence.status).toBe('AWAY');
    const nulls = { status: 'DO_NOT_DISTURB', source: null, priority: null, expiresAt: null } as const;
    const replaced = (await graph.run(dot, SetOverrideDocument, { input: nulls })).setOverride.viewer;
    expect(replaced.overrides).toEqual([{ source: 'user', status: 'DO_NOT_DISTURB', priority: 0, expiresAt: null }]);
    for (const input of [{}, { source: null }]) {
      const { viewer } = (await graph.run(dot, ClearOverrideDocument, { input })).clearOverride;
      expect(viewer).toMatchObject({ overrides: [], presence: { status: 'ONLINE' } });
    }
  });

  test('rule 1.5: an expiresAt in the past is refused', async () => {
    const query =
      'mutation { setOverride(input: { status: AWAY, expiresAt: "2020-01-01T00:00:00Z" }) { viewer { id } } }';
    expect(await graph.refusal(user('dot'), query)).toMatchObject({ code: 'BAD_USER_INPUT', argument: 'expiresAt' });
  });

  test('rule 1.11: a custom status is set, replaced and cleared', async () => {
    const eli = user('eli');
    const expiresAt = new Date(Date.now() + 60_000).toISOString();
    const set = async (input: { text?: string | null; emoji?: string | null; expiresAt?: string | null }) =>
      (await graph.run(eli, SetCustomStatusDocument, { input })).setCustomStatus.viewer.presence.customStatus;
    expect(await set({ text: 'Reading', emoji: '📖', expiresAt })).toEqual({ text: 'Reading', emoji: '📖', expiresAt });
    expect(await set({ emoji: '🎧' })).toEqual({ text: null, emoji: '🎧', expiresAt: null });
    expect(await set({})).toBeNull();
    expect(await set({ text: null, emoji: null, expiresAt: null })).toBeNull();
  });

  test('rule 7.1: visibility is changed by parts', async () => {
    const flo = user('flo');
    type Input = Parameters<typeof change>[0];
    const change = async (input: {
      invisible?: boolean | null;
      hideFrom?: string[] | null;
      showTo?: string[] | null;
    }) => {
      const { viewer } = (await graph.run(flo, SetVisibilityDocument, { input })).setVisibility;
      return { invisible: viewer.invisible, hiddenFrom: viewer.hiddenFrom };
    };
    const steps: [Input, Awaited<ReturnType<typeof change>>][] = [
      [{ hideFrom: ['b', 'a'] }, { invisible: false, hiddenFrom: ['a', 'b'] }],
      [{ invisible: true }, { invisible: true, hiddenFrom: ['a', 'b'] }],
      [
        { invisible: null, hideFrom: null, showTo: null },
        { invisible: true, hiddenFrom: ['a', 'b'] },
      ],
      [
        { invisible: false, showTo: ['a'] },
        { invisible: false, hiddenFrom: ['b'] },
      ],
      [{}, { invisible: false, hiddenFrom: ['b'] }],
    ];
    for (const [input, outcome] of steps) expect(await change(input)).toEqual(outcome);
  });
});

describe('friends', () => {
  test('rule 8.2: are made by both adding each other, and end by one removing the other', async () => {
    const [gus, hal] = [user('gus'), user('hal')];
    const asked = await graph.run(gus, AddFriendDocument, { input: { userId: 'hal' } });
    expect(asked.addFriend.user).toEqual({ id: 'hal', isFriend: false, presence: null });
    const agreed = await graph.run(hal, AddFriendDocument, { input: { userId: 'gus' } });
    expect(agreed.addFriend.user).toMatchObject({ id: 'gus', isFriend: true, presence: { status: 'OFFLINE' } });
    const ended = await graph.run(gus, RemoveFriendDocument, { input: { userId: 'hal' } });
    expect(ended.removeFriend.user).toEqual({ id: 'hal', isFriend: false, presence: null });
  });

  test('rule 8.3: are blocked and unblocked', async () => {
    const ida = user('ida');
    const stranger = { id: 'jo', isFriend: false, presence: null };
    const blocked = await graph.run(ida, BlockUserDocument, { input: { userId: 'jo' } });
    expect(blocked.blockUser.user).toEqual(stranger);
    const add = 'mutation { addFriend(input: { userId: "jo" }) { user { id } } }';
    expect(await graph.refusal(ida, add)).toMatchObject({ code: 'BAD_USER_INPUT', argument: 'userId' });
    const unblocked = await graph.run(ida, UnblockUserDocument, { input: { userId: 'jo' } });
    expect(unblocked.unblockUser.user).toEqual(stranger);
  });

  test.each(['addFriend', 'removeFriend', 'blockUser', 'unblockUser'])(
    '%s gives the viewer afterwards too',
    async (mutation) => {
      const query = `mutation { ${mutation}(input: { userId: "kim" }) { viewer { id blocked { totalCount } } } }`;
      const totalCount = mutation === 'blockUser' ? 1 : 0;
      expect((await graph.execute(user(`viewer-${mutation}`), query)).data).toEqual({
        [mutation]: { viewer: { id: `viewer-${mutation}`, blocked: { totalCount } } },
      });
    },
  );

  test('nobody is their own friend', async () => {
    const query = 'mutation { addFriend(input: { userId: "lee" }) { user { id } } }';
    expect(await graph.refusal(user('lee'), query)).toMatchObject({ code: 'BAD_USER_INPUT', argument: 'userId' });
  });

  test('rule 8.5: the backend replaces a whole list', async () => {
    const sync = (friendIds: string[]) =>
      graph.run(backend, SyncFriendsDocument, { input: { userId: 'mo', friendIds } });
    expect((await sync(['n', 'o'])).syncFriends).toEqual({ userId: 'mo', added: 2, removed: 0 });
    expect((await sync(['o', 'p', 'p'])).syncFriends).toEqual({ userId: 'mo', added: 1, removed: 1 });
    expect((await sync([])).syncFriends).toEqual({ userId: 'mo', added: 0, removed: 2 });
  });

  test('rule 8.5: nobody else does', async () => {
    const query = 'mutation { syncFriends(input: { userId: "mo", friendIds: [] }) { added } }';
    expect(await graph.refusal(user('mo'), query)).toMatchObject({ code: 'FORBIDDEN' });
  });
});

describe('one who has not signed in', () => {
  test.each([
    '{ viewer { id } }',
    '{ user(id: "a") { id } }',
    '{ users(ids: []) { id } }',
    'mutation { heartbeat(input: { sessionId: "s" }) { nextHeartbeatMs } }',
    'mutation { endSession(input: { sessionId: "s" }) { viewer { id } } }',
    'mutation { setOverride(input: { status: AWAY }) { viewer { id } } }',
    'mutation { clearOverride(input: {}) { viewer { id } } }',
    'mutation { setCustomStatus(input: {}) { viewer { id } } }',
    'mutation { setVisibility(input: {}) { viewer { id } } }',
    'mutation { addFriend(input: { userId: "a" }) { user { id } } }',
    'mutation { removeFriend(input: { userId: "a" }) { user { id } } }',
    'mutation { blockUser(input: { userId: "a" }) { user { id } } }',
    'mutation { unblockUser(input: { userId: "a" }) { user { id } } }',
    'mutation { syncFriends(input: { userId: "a", friendIds: [] }) { added } }',
  ])('is UNAUTHENTICATED for %s', async (query) => {
    expect(await graph.refusal(null, query)).toEqual({
      code: 'UNAUTHENTICATED',
      message: expect.stringMatching(/^Sign in: /),
    });
  });

  test('may still look at the schema', async () => {
    expect(await graph.execute(null, '{ __type(name: "User") { name } }')).toEqual({
      data: { __type: { name: 'User' } },
    });
  });
});
