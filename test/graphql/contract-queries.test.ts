import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  BlockedUsersDocument,
  FriendRequestsDocument,
  FriendsDocument,
  UserDocument,
  UsersDocument,
  ViewerDocument,
  ViewerExplanationDocument,
} from '../../src/client/gql/graphql.ts';
import { backend, beat, user, type World } from '../service/world.ts';
import { openEmbeddedWorld } from './embedded-world.ts';
import { Graph } from './graph.ts';

const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

let world: World;
let graph: Graph;

beforeAll(async () => {
  world = await openEmbeddedWorld();
  graph = new Graph(world.rollcall);
  const { rollcall } = world;
  await rollcall.syncFriends(backend, 'ada', ['bob', 'cy', 'dee', 'eve']);
  await rollcall.heartbeat(user('bob'), beat('b1', { client: 'WEB' }));
  await rollcall.heartbeat(user('bob'), beat('b2', { client: 'MOBILE' }));
  await rollcall.heartbeat(user('cy'), beat('c1', { activity: 'IDLE' }));
  await rollcall.heartbeat(user('stranger'), beat('s1'));
  await rollcall.setCustomStatus(user('bob'), { text: 'At lunch', emoji: '🍜', expiresAt: null });
});

afterAll(async () => {
  await world.close();
  expect(graph.unexpected).toEqual([]);
});

describe('viewer', () => {
  test('rule 7.7: shows the viewer their own state in full', async () => {
    const { rollcall } = world;
    const zoe = user('zoe');
    const expiresAt = Date.now() + 3_600_000;
    await rollcall.heartbeat(zoe, beat('old', { client: 'DESKTOP' }));
    await rollcall.heartbeat(zoe, beat('idle', { client: 'MOBILE', activity: 'IDLE' }));
    await rollcall.setOverride(zoe, { status: 'AWAY', source: 'user', priority: 0, expiresAt: null });
    await rollcall.setOverride(zoe, { status: 'DO_NOT_DISTURB', source: 'calendar', priority: 5, expiresAt });
    await rollcall.setOverride(zoe, { status: 'AWAY', source: 'late', priority: 0, expiresAt: null });
    await rollcall.setVisibility(zoe, { invisible: true, hideFrom: ['y', 'x'], showTo: [] });

    const { viewer } = await graph.run(zoe, ViewerDocument, {});
    expect(viewer).toEqual({
      id: 'zoe',
      presence: {
        status: 'OFFLINE',
        since: expect.stringMatching(MOMENT),
        lastActiveAt: expect.stringMatching(MOMENT),
        clients: [],
        customStatus: null,
      },
      sessions: [
        expect.objectContaining({ client: 'MOBILE', activity: 'IDLE', expiresAt: expect.stringMatching(MOMENT) }),
        expect.objectContaining({ client: 'DESKTOP', activity: 'ACTIVE', lastActiveAt: expect.stringMatching(MOMENT) }),
      ],
      overrides: [
        { source: 'calendar', status: 'DO_NOT_DISTURB', priority: 5, expiresAt: new Date(expiresAt).toISOString() },
        { source: 'late', status: 'AWAY', priority: 0, expiresAt: null },
        { source: 'user', status: 'AWAY', priority: 0, expiresAt: null },
      ],
      invisible: true,
      hiddenFrom: ['x', 'y'],
    });
  });

  test('lists the session that was used last first', async () => {
    const pat = user('pat');
    const { session: first } = await world.rollcall.heartbeat(pat, beat('first'));
    const used = async (): Promise<number> =>
      (await world.rollcall.heartbeat(pat, beat('second'))).session.lastActiveAt;
    await expect.poll(used).toBeGreaterThan(first.lastActiveAt);
    const { viewer } = await graph.run(pat, ViewerDocument, {});
    expect(viewer.sessions.map(({ id }) => id)).toEqual(['second', 'first']);
  });

  test('rule 1.12: explains why, and what comes next', async () => {
    const { viewer } = await graph.run(user('bob'), ViewerExplanationDocument, {});
    expect(viewer.explanation).toEqual({
      status: 'ONLINE',
      reason: 'ACTIVE_SESSION',
      session: expect.objectContaining({ activity: 'ACTIVE' }),
      override: null,
      nextStatus: 'OFFLINE',
      nextTransitionAt: expect.stringMatching(MOMENT),
    });
    const { viewer: nobody } = await graph.run(user('nobody'), ViewerExplanationDocument, {});
    expect(nobody.explanation).toEqual({
      status: 'OFFLINE',
      reason: 'NO_SESSION',
      session: null,
      override: null,
      nextStatus: null,
      nextTransitionAt: null,
    });
  });
});

describe('user and users', () => {
  test('rule 8.1: show presence of friends, and nothing of others', async () => {
    const { users } = await graph.run(user('ada'), UsersDocument, { ids: ['stranger', 'bob', 'dee', 'never', 'bob'] });
    const bob = {
      id: 'bob',
      isFriend: true,
      presence: {
        status: 'ONLINE',
        since: expect.stringMatching(MOMENT),
        lastActiveAt: expect.stringMatching(MOMENT),
        clients: ['MOBILE', 'WEB'],
        customStatus: { text: 'At lunch', emoji: '🍜', expiresAt: null },
      },
    };
    expect(users).toEqual([
      { id: 'stranger', isFriend: false, presence: null },
      bob,
      {
        id: 'dee',
        isFriend: true,
        presence: { status: 'OFFLINE', since: null, lastActiveAt: null, clients: [], customStatus: null },
      },
      { id: 'never', isFriend: false, presence: null },
      bob,
    ]);
    expect((await graph.run(user('ada'), UserDocument, { id: 'bob' })).user).toEqual(bob);
  });

  test.each(['007', '__proto__', 'User:1', 'ünï/çødé 👋', ' '])('give the id %j back verbatim', async (id) => {
    expect((await graph.run(user('ada'), UserDocument, { id })).user).toEqual({ id, isFriend: false, presence: null });
  });

  test('are loaded at once when an operation asks for several by their own', async () => {
    const calls: (readonly string[])[] = [];
    const counting = new Graph({
      ...world.rollcall,
      see: (viewer, ids) => {
        calls.push(ids);
        return world.rollcall.see(viewer, ids);
      },
    });
    const query = '{ a: user(id: "bob") { id } b: user(id: "cy") { isFriend } c: user(id: "bob") { id } }';
    const expected = { data: { a: { id: 'bob' }, b: { isFriend: true }, c: { id: 'bob' } } };
    expect(await counting.execute(user('ada'), query)).toEqual(expected);
    expect(calls).toEqual([['bob', 'cy']]);
    expect(await counting.execute(user('ada'), query)).toEqual(expected);
    expect(calls).toHaveLength(2);
  });

  test('refuse ids that cannot be', async () => {
    const ada = user('ada');
    expect(await graph.refusal(ada, '{ user(id: "") { id } }')).toMatchObject({
      code: 'BAD_USER_INPUT',
      argument: 'id',
    });
    const mixed = '{ good: user(id: "bob") { id } bad: user(id: "") { id } }';
    expect(await graph.refusal(ada, mixed)).toMatchObject({ code: 'BAD_USER_INPUT', argument: 'id' });
    const ids = Array.from({ length: 501 }, (_, index) => `u${index}`);
    const users = 'query ($ids: [ID!]!) { users(ids: $ids) { id } }';
    expect(await graph.refusal(ada, users, { ids })).toMatchObject({ code: 'BAD_USER_INPUT', argument: 'ids' });
    expect((await graph.execute(ada, users, { ids: ids.slice(1) })).data?.['users']).toHaveLength(500);
    expect(await graph.execute(ada, users, { ids: [] })).toEqual({ data: { users: [] } });
  });
});

describe('pages', () => {
  const page = (names: readonly string[]): unknown => names.map((id) => expect.objectContaining({ id }));

  test('rule 8.9: list friends by id, with counts of them all', async () => {
    const first = (await graph.run(user('ada'), FriendsDocument, { first: 3 })).viewer.friends;
    expect(first).toMatchObject({
      nodes: page(['bob', 'cy', 'dee']),
      pageInfo: { hasNextPage: true, hasPreviousPage: false },
      totalCount: 4,
      onlineCount: 1,
    });
    const rest = (await graph.run(user('ada'), FriendsDocument, { first: 3, after: first.pageInfo.endCursor })).viewer;
    expect(rest.friends).toMatchObject({
      nodes: page(['eve']),
      pageInfo: { hasNextPage: false, hasPreviousPage: true },
      totalCount: 4,
    });
    expect(rest.friends.pageInfo.startCursor).toBe(rest.friends.pageInfo.endCursor);
  });

  test('give every edge its cursor', async () => {
    const query = '{ viewer { friends { edges { cursor node { id } } pageInfo { startCursor endCursor } } } }';
    const result = await graph.execute(user('ada'), query);
    const friends = (result.data as { viewer: { friends: { edges: { cursor: string }[]; pageInfo: unknown } } }).viewer
      .friends;
    expect(friends.edges).toMatchObject(['bob', 'cy', 'dee', 'eve'].map((id) => ({ node: { id } })));
    expect(friends.pageInfo).toEqual({ startCursor: friends.edges[0]?.cursor, endCursor: friends.edges[3]?.cursor });
  });

  test('hold 50 unless told otherwise, also for an explicit null', async () => {
    const many = Array.from({ length: 60 }, (_, index) => `friend${index}`);
    await world.rollcall.syncFriends(backend, 'popular', many);
    const popular = user('popular');
    for (const variables of [{}, { first: null, after: null, statuses: null }]) {
      const { viewer } = await graph.run(popular, FriendsDocument, variables);
      expect(viewer.friends.nodes).toHaveLength(50);
      expect(viewer.friends.totalCount).toBe(60);
    }
    expect((await graph.run(popular, FriendsDocument, { first: 500 })).viewer.friends.nodes).toHaveLength(60);
  });

  test('filter by what friends are shown with', async () => {
    const { viewer } = await graph.run(user('ada'), FriendsDocument, { statuses: ['AWAY', 'OFFLINE'] });
    expect(viewer.friends).toMatchObject({ nodes: page(['cy', 'dee', 'eve']), totalCount: 3, onlineCount: 1 });
  });

  test('may be empty', async () => {
    const { viewer } = await graph.run(user('nobody'), FriendsDocument, {});
    expect(viewer.friends).toEqual({
      nodes: [],
      pageInfo: { hasNextPage: false, hasPreviousPage: false, startCursor: null, endCursor: null },
      totalCount: 0,
      onlineCount: 0,
    });
  });

  test('list who waits for an answer and who is blocked', async () => {
    const { rollcall } = world;
    await rollcall.addFriend(user('fan'), 'star');
    await rollcall.addFriend(user('admirer'), 'star');
    await rollcall.blockUser(user('star'), 'pest');
    const requests = (await graph.run(user('star'), FriendRequestsDocument, { first: 1 })).viewer.friendRequests;
    expect(requests).toMatchObject({
      nodes: [{ id: 'admirer', isFriend: false, presence: null }],
      pageInfo: { hasNextPage: true },
      totalCount: 2,
    });
    const blocked = (await graph.run(user('star'), BlockedUsersDocument, {})).viewer.blocked;
    expect(blocked).toMatchObject({ nodes: [{ id: 'pest', isFriend: false, presence: null }], totalCount: 1 });
  });

  test.each([
    ['first: -1', 'first'],
    ['first: 501', 'first'],
    ['after: "x"', 'after'],
  ])('refuse %s', async (args, argument) => {
    const query = `{ viewer { friends(${args}) { totalCount } } }`;
    expect(await graph.refusal(user('ada'), query)).toMatchObject({ code: 'BAD_USER_INPUT', argument });
  });
});
