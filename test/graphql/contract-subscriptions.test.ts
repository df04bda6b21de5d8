import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  AddFriendDocument,
  FriendsPresenceDocument,
  PresenceDocument,
  ViewerChangesDocument,
} from '../../src/client/gql/graphql.ts';
import { unavailable } from '../../src/errors.ts';
import type { ResponseStream } from '../../src/graphql/execute.ts';
import type { PresenceRecord } from '../../src/presence/record.ts';
import type { Stream } from '../../src/service/api.ts';
import { backend, beat, user, type World } from '../service/world.ts';
import { openEmbeddedWorld } from './embedded-world.ts';
import { Graph, type Refusal } from './graph.ts';

let world: World;
let graph: Graph;

beforeAll(async () => {
  world = await openEmbeddedWorld();
  graph = new Graph(world.rollcall);
  await world.rollcall.syncFriends(backend, 'ada', ['bob', 'cy', 'dee']);
});

afterAll(async () => {
  await graph.close();
  await world.close();
  expect(graph.unexpected).toEqual([]);
});

function stream(outcome: ResponseStream | Refusal): ResponseStream {
  if ('code' in outcome) throw new Error(JSON.stringify(outcome));
  return outcome;
}

describe('friendsPresence', () => {
  test('rule 6.5: begins with the whole roster and goes on with what changes', async () => {
    const reader = await graph.watch(user('ada'), FriendsPresenceDocument, {});
    await reader.until('the roster', ({ items }) => items.length > 0);
    expect(reader.items[0]?.friendsPresence).toMatchObject({
      reset: true,
      changes: ['bob', 'cy', 'dee'].map((id) => ({ id, isFriend: true, presence: { status: 'OFFLINE' } })),
      removed: [],
      stale: false,
    });
    await world.rollcall.heartbeat(user('bob'), beat('b1', { client: 'DESKTOP' }));
    await reader.until('bob', ({ items }) => items.length > 1);
    expect(reader.items[1]?.friendsPresence).toMatchObject({
      reset: false,
      changes: [{ id: 'bob', isFriend: true, presence: { status: 'ONLINE', clients: ['DESKTOP'] } }],
      removed: [],
    });
  });

  test('rule 6.1: resumes with a cursor', async () => {
    const first = await graph.watch(user('ada'), FriendsPresenceDocument, { after: null, coalesceMs: null });
    await first.until('the roster', ({ items }) => items.length > 0);
    const after = first.items[0]?.friendsPresence.cursor ?? '';
    await first.close();
    await world.rollcall.heartbeat(user('cy'), beat('c1'));
    const resumed = await graph.watch(user('ada'), FriendsPresenceDocument, { after });
    await resumed.until('cy', ({ items }) => items.length > 0);
    expect(resumed.items[0]?.friendsPresence).toMatchObject({ reset: false, changes: [{ id: 'cy' }] });
  });

  test('rule 8.7: tells of friends who are lost', async () => {
    await world.rollcall.syncFriends(backend, 'lou', ['bob', 'cy']);
    const reader = await graph.watch(user('lou'), FriendsPresenceDocument, {});
    await reader.until('the roster', ({ items }) => items.length > 0);
    await world.rollcall.removeFriend(user('lou'), 'cy');
    await reader.until('the loss', ({ items }) =>
      items.some(({ friendsPresence }) => friendsPresence.removed.length > 0),
    );
    expect(reader.items.at(-1)?.friendsPresence).toMatchObject({ reset: false, changes: [], removed: ['cy'] });
  });

  test('ends, and frees its source, when its reader returns', async () => {
    const query = 'subscription { friendsPresence { cursor } }';
    const events = stream(await graph.subscribe(user('ada'), query));
    expect((await events.next()).done).toBe(false);
    const waiting = events.next();
    await events.return?.();
    expect((await waiting).done).toBe(true);
    expect((await events.next()).done).toBe(true);
    expect((await events.return?.())?.done).toBe(true);
  });
});

describe('presence', () => {
  test('rule 8.8: follows the friends on screen and leaves out who is none', async () => {
    const reader = await graph.watch(user('ada'), PresenceDocument, { userIds: ['dee', 'stranger', 'dee'] });
    await reader.until('the roster', ({ items }) => items.length > 0);
    expect(reader.items[0]?.presence).toMatchObject({ reset: true, changes: [{ id: 'dee' }] });
    await world.rollcall.heartbeat(user('bob'), beat('b2'));
    await world.rollcall.heartbeat(user('dee'), beat('d1'));
    await reader.until('dee', ({ items }) => items.length > 1);
    expect(reader.items[1]?.presence).toMatchObject({
      changes: [{ id: 'dee', isFriend: true, presence: { status: 'ONLINE' } }],
    });
  });
});

describe('viewer', () => {
  test("shows the viewer's own state as it changes", async () => {
    const eve = user('eve');
    const reader = await graph.watch(eve, ViewerChangesDocument, {});
    await reader.until('the state', ({ items }) => items.length > 0);
    expect(reader.items[0]?.viewer).toMatchObject({ id: 'eve', sessions: [], presence: { status: 'OFFLINE' } });
    await world.rollcall.heartbeat(eve, beat('e1'));
    await reader.until('the session', ({ items }) => items.at(-1)?.viewer.sessions.length === 1);
    expect(reader.items.at(-1)?.viewer.presence.status).toBe('ONLINE');
    await graph.run(eve, AddFriendDocument, { input: { userId: 'bob' } });
  });
});

describe('a subscription that cannot be', () => {
  const ids = Array.from({ length: 501 }, (_, index) => `"u${index}"`).join(' ');

  test.each([
    ['friendsPresence(coalesceMs: -1) { cursor }', 'coalesceMs'],
    ['friendsPresence(coalesceMs: 60001) { cursor }', 'coalesceMs'],
    ['presence(userIds: [""]) { cursor }', 'userIds'],
    [`presence(userIds: [${ids}]) { cursor }`, 'userIds'],
    ['friendsPresence(coalesceMs: "1") { cursor }', 'query'],
    ['viewer { nothing }', 'query'],
  ])('is refused: %.60s', async (selection, argument) => {
    const outcome = await graph.subscribe(user('ada'), `subscription { ${selection} }`);
    expect(outcome).toMatchObject({ code: 'BAD_USER_INPUT', argument });
  });

  test('names the variable that is wrong', async () => {
    const query = 'subscription ($wait: Int) { friendsPresence(coalesceMs: $wait) { cursor } }';
    const outcome = await graph.subscribe(user('ada'), query, { wait: 'long' });
    expect(outcome).toMatchObject({ code: 'BAD_USER_INPUT', argument: 'wait' });
  });

  test.each([
    'subscription { viewer @skip(if: true) { id } }',
    'subscription { ... @include(if: false) { viewer { id } } }',
    'subscription { ...S } fragment S on Subscription { viewer @include(if: true) { id } }',
  ])('is refused where it depends on a condition: %s', async (query) => {
    expect(await graph.subscribe(user('ada'), query)).toMatchObject({
      code: 'BAD_USER_INPUT',
      argument: 'query',
      message: expect.stringMatching(/^A subscription must not use "@(skip|include)" on its field\.$/),
    });
  });

  test('may well skip what lies deeper', async () => {
    const query = 'subscription { viewer { id invisible @skip(if: true) } }';
    const events = stream(await graph.subscribe(user('ada'), query));
    expect((await events.next()).value).toEqual({ data: { viewer: { id: 'ada' } } });
    await events.return?.();
  });

  test.each(['friendsPresence { cursor }', 'presence(userIds: []) { cursor }', 'viewer { id }'])(
    'is UNAUTHENTICATED without a viewer: %s',
    async (selection) => {
      expect(await graph.subscribe(null, `subscription { ${selection} }`)).toMatchObject({ code: 'UNAUTHENTICATED' });
    },
  );
});

describe('a stream whose source fails', () => {
  const failing = (error: Error): Graph =>
    new Graph({
      ...world.rollcall,
      watchViewer: async (viewer) => {
        const source = await world.rollcall.watchViewer(viewer);
        const first = await source.next();
        const steps = [Promise.resolve(first), Promise.reject(error)];
        const failed: Stream<PresenceRecord> = {
          next: () => steps.shift() ?? Promise.reject(new Error('read on after a failure')),
          return: () => source.return?.() ?? Promise.resolve({ value: undefined, done: true }),
          [Symbol.asyncIterator]: () => failed,
        };
        return failed;
      },
    });

  test.each([
    [unavailable('The store is out of reach.'), { code: 'UNAVAILABLE', message: 'The store is out of reach.' }, 0],
    [new Error('secret'), { code: 'INTERNAL_SERVER_ERROR', message: 'Internal server error' }, 1],
  ])('tells %s as one last result', async (error, { code, message }, reports) => {
    const over = failing(error);
    const read = stream(await over.subscribe(user('ada'), 'subscription { viewer { id } }'));
    expect((await read.next()).value).toEqual({ data: { viewer: { id: 'ada' } } });
    const last = await read.next();
    expect(JSON.parse(JSON.stringify(last.value))).toEqual({ errors: [{ message, extensions: { code } }] });
    expect(await read.next()).toEqual({ value: undefined, done: true });
    expect(over.unexpected).toHaveLength(reports);
  });
});
