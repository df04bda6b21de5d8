import { afterEach, describe, expect, test } from 'vitest';
import { Rate } from '../../src/server/limits.ts';
import type { RunningServer } from '../../src/server/server.ts';
import { type Environment, startInProcess } from '../support/server.ts';
import { type Message, RawSocket, type SocketOptions } from './raw-socket.ts';

const ME = '{ viewer { id } }';
const WATCH = 'subscription { friendsPresence { reset } }';

let server: RunningServer;
afterEach(() => server.close());

async function start(env: Environment): Promise<void> {
  server = await startInProcess(env);
  await server.whenReady;
}

async function works(socket: RawSocket): Promise<void> {
  socket.ask('me', ME);
  expect(await socket.hear('me')).toMatchObject({ type: 'next', payload: { data: { viewer: {} } } });
  expect(await socket.hear('me')).toMatchObject({ type: 'complete' });
}

/** Until there is room, for which the server must have heard of a goodbye first. */
async function whenLetIn(user: string, options?: SocketOptions): Promise<RawSocket> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await RawSocket.greeted(server.url, user, options);
    } catch (error) {
      if (attempt === 1_000) throw error;
    }
  }
}

function post(user: string, body: unknown, accept = 'application/json'): Promise<Response> {
  return fetch(`${server.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${user}`, accept },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

/** A stream that has given something, and what that was. */
async function stream(user: string): Promise<{ first: string; close: () => Promise<void> }> {
  const reader = (await post(user, { query: WATCH }, 'text/event-stream')).body?.getReader();
  let first = '';
  while (!first.includes('data: {')) {
    const part = await reader?.read();
    if (!part || part.done) throw new Error(`The stream ended after ${first}`);
    first += new TextDecoder().decode(part.value);
  }
  return { first, close: async () => void (await reader?.cancel()) };
}

describe('rule 13.1: the connections of one user', () => {
  const tooMany = 'One user can have at most 2 connections to this node at once.';

  test('are bounded, WebSockets and event streams together; others come in beside them', async () => {
    await start({ MAX_CONNECTIONS_PER_USER: '2' });
    const socket = await RawSocket.greeted(server.url, 'ada');
    const events = await stream('ada');
    expect(events.first).toContain('"reset":true');

    const excess = await RawSocket.open(server.url);
    excess.say({ type: 'connection_init', payload: { authorization: 'ada' } });
    expect(await excess.closed()).toEqual({ code: 1013, reason: `LIMIT_EXCEEDED: ${tooMany}` });
    const refused = await stream('ada');
    expect(refused.first).toContain(
      JSON.stringify({ errors: [{ message: tooMany, extensions: { code: 'LIMIT_EXCEEDED' } }] }),
    );
    await refused.close();

    await works(socket);
    const other = await RawSocket.greeted(server.url, 'bob');
    await works(other);
    expect((await stream('bob')).first).toContain('"reset":true');

    await socket.close();
    await works(await whenLetIn('ada'));
    await events.close();
    await works(await whenLetIn('ada'));
  });

  test('free their place when they break, and nobody is counted who did not sign in', async () => {
    await start({ MAX_CONNECTIONS_PER_USER: '1' });
    for (let turn = 0; turn < 20; turn += 1) (await whenLetIn('ada')).terminate();
    await works(await whenLetIn('ada'));
    for (let turn = 0; turn < 3; turn += 1) await RawSocket.greeted(server.url, null);
  });
});

test('rule 13.2: the connections of one address are bounded where that is set; other addresses come in beside it', async () => {
  await start({ MAX_CONNECTIONS_PER_ADDRESS: '2' });
  const socket = await RawSocket.greeted(server.url, 'ada');
  const nobody = await RawSocket.greeted(server.url, null);
  await expect(RawSocket.open(server.url)).rejects.toThrow('429');
  expect((await stream('ada')).first).toContain('"code":"LIMIT_EXCEEDED"');
  await works(await RawSocket.greeted(server.url, 'bob', { localAddress: '127.0.0.2' }));
  await works(socket);
  await nobody.close();
  await works(await whenLetIn('cleo'));
});

test('rule 13.3: the operations under way on one WebSocket are bounded; one more is refused, and the others go on', async () => {
  await start({ MAX_OPERATIONS_PER_SOCKET: '3' });
  const [socket, other] = [await RawSocket.greeted(server.url, 'ada'), await RawSocket.greeted(server.url, 'ada')];
  for (const id of ['1', '2', '3']) socket.ask(id, WATCH);
  for (const id of ['1', '2', '3']) expect(await socket.hear(id)).toMatchObject({ type: 'next' });
  socket.ask('4', WATCH);
  expect(await socket.hear('4')).toMatchObject({
    type: 'error',
    payload: [{ extensions: { code: 'LIMIT_EXCEEDED' } }],
  });
  await works(other);
  socket.say({ id: '1', type: 'complete' });
  await works(socket);
});

test('rule 13.4: a message or body that is too long is refused; others come through beside it', async () => {
  await start({ MAX_MESSAGE_BYTES: '2000' });
  const good = await RawSocket.greeted(server.url, 'bob');
  const socket = await RawSocket.greeted(server.url, 'ada');
  const long = `${ME} #${'x'.repeat(2_000)}`;
  expect((await post('ada', { query: long })).status).toBe(413);
  socket.ask('1', long);
  expect((await socket.closed()).code).toBe(1009);
  await works(good);
  expect(await (await post('ada', { query: ME })).json()).toEqual({ data: { viewer: { id: 'ada' } } });
});

describe('rule 13.5: what one operation can cost', () => {
  const cases = [
    ['depth', { MAX_QUERY_DEPTH: '2' }, '{ friendsPresence { changes { id } } }', '{ viewer { presence { status } } }'],
    [
      'fields',
      { MAX_QUERY_FIELDS: '3' },
      '{ friendsPresence { reset stale cursor } }',
      '{ viewer { a: id b: id c: id } }',
    ],
    ['cost', { MAX_QUERY_COST: '400' }, '{ friendsPresence { changes { id } } }', '{ viewer { sessions { id } } }'],
  ] as const;
  test.each(cases)(
    'is bounded by its %s, over POST, SSE and WebSocket; the socket goes on',
    async (_, env, watch, query) => {
      await start(env);
      const refused = {
        message: expect.stringMatching(/^An operation may /),
        extensions: { code: 'BAD_USER_INPUT', argument: 'query' },
      };
      expect(await (await post('ada', { query })).json()).toMatchObject({ errors: [refused] });
      const answer = await post('ada', { query: `subscription ${watch}` }, 'text/event-stream');
      expect(await answer.text()).toContain('An operation may ');
      const socket = await RawSocket.greeted(server.url, 'ada');
      for (const [id, asked] of Object.entries({ watch: `subscription ${watch}`, query })) {
        socket.ask(id, asked);
        expect(await socket.hear(id)).toMatchObject({ type: 'error', payload: [refused] });
      }
      await works(socket);
    },
  );

  test('is not multiplied by batches: a body with several requests is refused', async () => {
    await start({});
    const answer = await post('ada', [{ query: ME }, { query: ME }]);
    expect(answer.status).toBe(400);
    expect(await answer.text()).toContain('BAD_USER_INPUT');
  });
});

describe('rule 13.6: the operations that one user may begin in a second', () => {
  test('are counted by the clock, each user by themselves', () => {
    let now = 5_000;
    const rate = new Rate(2, 'Slow down.', { now: () => now });
    const outcome = (who: string) => rate.begin(who)?.retryAfterMs ?? 'begun';
    expect([outcome('ada'), outcome('ada'), outcome('ada')]).toEqual(['begun', 'begun', 1_000]);
    now = 5_700;
    expect([outcome('ada'), outcome('bob')]).toEqual([300, 'begun']);
    now = 6_000;
    expect([outcome('ada'), outcome('ada'), outcome('ada')]).toEqual(['begun', 'begun', 1_000]);
    // A clock that was set back counts anew.
    now = 4_000;
    expect(outcome('ada')).toBe('begun');
  });

  test('are RATE_LIMITED beyond that, over all transports; others come through, and so does the user again', async () => {
    await start({ MAX_OPERATIONS_PER_SECOND: '3' });
    const [socket, other] = [await RawSocket.greeted(server.url, 'ada'), await RawSocket.greeted(server.url, 'bob')];
    const limited = {
      message: 'One user can begin at most 3 operations a second at this node.',
      extensions: { code: 'RATE_LIMITED', retryAfterMs: expect.any(Number) },
    };
    // However they fall into seconds, some of so many are too many.
    for (let index = 0; index < 30; index += 1) socket.ask(`${index}`, ME);
    const answers: Message[] = [];
    for (let index = 0; index < 30; index += 1) answers.push(await socket.hear(`${index}`));
    const refused = answers.filter(({ type }) => type === 'error');
    expect(refused.length).toBeGreaterThan(0);
    for (const { payload } of refused) expect(payload).toMatchObject([limited]);
    await works(other);

    const strict = 'application/graphql-response+json';
    const posted = await Promise.all(Array.from({ length: 30 }, () => post('ada', { query: ME }, strict)));
    const late = posted.find(({ status }) => status === 429);
    expect(late?.headers.get('retry-after')).toBe('1');
    expect(await late?.json()).toMatchObject({ errors: [limited] });
    expect((await post('bob', { query: ME }, strict)).status).toBe(200);

    const streamed = await Promise.all(Array.from({ length: 30 }, () => stream('ada')));
    expect(streamed.filter(({ first }) => first.includes('"code":"RATE_LIMITED"')).length).toBeGreaterThan(0);
    await Promise.all(streamed.map(({ close }) => close()));

    for (let turn = 0; ; turn += 1) {
      socket.ask(`again ${turn}`, ME);
      if ((await socket.hear(`again ${turn}`)).type === 'next') break;
    }
  });
});
