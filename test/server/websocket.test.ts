import { SignJWT } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { RunningServer } from '../../src/server/server.ts';
import { startInProcess } from '../support/server.ts';
import { type Message, RawSocket, type SocketOptions } from './raw-socket.ts';

const SECRET = 'thirty-two bytes at the very least';
let server: RunningServer;
let guarded: RunningServer;
const sockets: RawSocket[] = [];

beforeAll(async () => {
  [server, guarded] = await Promise.all([
    startInProcess(),
    startInProcess({ JWT_SECRET: SECRET, ALLOWED_ORIGINS: 'https://app.example' }),
  ]);
  await Promise.all([server.whenReady, guarded.whenReady]);
});
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.terminate();
});
afterAll(async () => {
  await Promise.all([server.close(), guarded.close()]);
});

async function open(to: RunningServer = server, options: SocketOptions = {}): Promise<RawSocket> {
  const socket = await RawSocket.open(to.url, options);
  sockets.push(socket);
  return socket;
}

async function greeted(authorization: string | null, to: RunningServer = server): Promise<RawSocket> {
  const socket = await RawSocket.greeted(to.url, authorization);
  sockets.push(socket);
  return socket;
}

function jwt(claims: object, secret = SECRET): Promise<string> {
  return new SignJWT({ ...claims }).setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode(secret));
}

const ME = '{ viewer { id } }';
const WATCH = 'subscription { viewer { id presence { status } } }';

/** `CODE` of an `error` message's first error, or the type of another message. */
function codeOf({ type, payload }: Message): unknown {
  if (type !== 'error') return type;
  return (payload as { extensions: { code: string } }[])[0]?.extensions.code;
}

describe('signing in', () => {
  test('with and without the word Bearer, whatever the case of the key', async () => {
    for (const payload of [
      { authorization: 'Bearer ada' },
      { authorization: 'ada' },
      { Authorization: 'bearer ada' },
    ]) {
      const socket = await open();
      socket.say({ type: 'connection_init', payload });
      expect(await socket.hear()).toEqual({ type: 'connection_ack' });
      socket.ask('1', ME);
      expect(await socket.hear()).toEqual({ id: '1', type: 'next', payload: { data: { viewer: { id: 'ada' } } } });
      expect(await socket.hear()).toEqual({ id: '1', type: 'complete' });
    }
  });

  test('without a token one is let in, and operations are UNAUTHENTICATED', async () => {
    const socket = await greeted(null);
    socket.ask('1', ME);
    const { type, payload } = await socket.hear();
    expect(type).toBe('next');
    expect(payload).toMatchObject({ errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] });
    socket.ask('2', WATCH);
    expect(await socket.hear('2')).toMatchObject({ payload: expect.anything() });
    expect(socket.open).toBe(true);
  });

  test.each([
    ['is none', 'nothing of the kind', 'The token is not a JSON Web Token.'],
    [
      'is signed by somebody else',
      jwt({ sub: 'ada' }, 'another one of thirty-two bytes or so'),
      'The signature of the token is not valid.',
    ],
    ['has expired', jwt({ sub: 'ada', exp: 1 }), 'The token has expired.'],
  ])('a token that %s closes the socket with 4403 and the reason', async (_, token, reason) => {
    const socket = await open(guarded);
    socket.say({ type: 'connection_init', payload: { authorization: `Bearer ${await token}` } });
    expect(await socket.closed()).toEqual({ code: 4403, reason });
  });

  test('a token that expires while the socket is open closes it with 4403', async () => {
    const exp = Math.ceil(Date.now() / 1000) + 2;
    const socket = await greeted(await jwt({ sub: 'ada', exp }), guarded);
    socket.ask('1', WATCH);
    expect(await socket.hear('1')).toMatchObject({ type: 'next' });
    expect(await socket.closed()).toEqual({ code: 4403, reason: 'The token has expired.' });
    expect(Date.now()).toBeGreaterThanOrEqual(exp * 1000);
  });
});

test('SSE: a token that expires while a stream is open breaks it off', async () => {
  const exp = Math.ceil(Date.now() / 1000) + 2;
  const authorization = `Bearer ${await jwt({ sub: 'ada', exp })}`;
  const response = await fetch(`${guarded.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'text/event-stream', authorization },
    body: JSON.stringify({ query: WATCH }),
  });
  const told: string[] = [];
  const read = async (): Promise<void> => {
    for await (const chunk of response.body ?? []) told.push(Buffer.from(chunk).toString());
  };
  await expect(read()).rejects.toThrow('terminated');
  expect(Date.now()).toBeGreaterThanOrEqual(exp * 1000);
  expect(told.join('')).toContain('event: next');
  expect(told.join('')).not.toContain('event: complete');
});

describe('breaches of the protocol close the socket with its codes', () => {
  const say = async (...messages: (object | string)[]): Promise<number> => {
    const socket = await open();
    for (const message of messages) socket.say(message);
    return (await socket.closed()).code;
  };
  const init = { type: 'connection_init' };
  const watch = { id: '1', type: 'subscribe', payload: { query: WATCH } };

  test('4400 for what is no message', async () => expect(await say(init, '{')).toBe(4400));
  test('4401 for an operation before connection_init', async () => expect(await say(watch)).toBe(4401));
  test('4409 for an operation id that is taken', async () => {
    const socket = await greeted('ada');
    socket.say(watch);
    socket.say(watch);
    expect((await socket.closed()).code).toBe(4409);
  });
  test('4429 for a second connection_init', async () => expect(await say(init, init)).toBe(4429));
  test('4406 for another subprotocol', async () => {
    const socket = await open(server, { protocols: [] });
    expect((await socket.closed()).code).toBe(4406);
  });
  test('1009 for a message beyond a mebibyte', async () => expect(await say('x'.repeat(1_048_577))).toBe(1009));
});

describe('what is wrong with one operation disturbs no other', () => {
  test.each([
    ['a syntax error', '{ viewer { id }', {}, 'BAD_USER_INPUT'],
    ['an unknown field', '{ viewer { shoeSize } }', {}, 'BAD_USER_INPUT'],
    ['an unknown field in a subscription', 'subscription { viewer { shoeSize } }', {}, 'BAD_USER_INPUT'],
    ['no operation', 'fragment A on User { id }', {}, 'BAD_USER_INPUT'],
    ['an empty document', '', {}, 'BAD_USER_INPUT'],
  ])('%s', async (what, query, variables, code) => {
    const socket = await greeted(`one who makes ${what}`);
    socket.ask('watching', WATCH);
    expect(await socket.hear('watching')).toMatchObject({ type: 'next' });
    socket.ask('bad', query, variables);
    expect(codeOf(await socket.hear('bad'))).toBe(code);
    socket.ask('mutation', 'mutation { setCustomStatus(input: { text: "still here" }) { viewer { id } } }');
    expect(await socket.hear('mutation')).toMatchObject({ type: 'next', payload: { data: expect.anything() } });
    expect(await socket.hear('watching')).toMatchObject({ type: 'next' });
  });

  test('nobody else on the node hears of a socket that breaks the protocol', async () => {
    const [good, bad] = await Promise.all([greeted('ada'), greeted('bob')]);
    good.ask('1', WATCH);
    await good.hear('1');
    bad.say('{');
    await bad.closed();
    good.ask('2', ME);
    expect(await good.hear('2')).toMatchObject({ payload: { data: { viewer: { id: 'ada' } } } });
  });
});

test('100 operations may be under way on one socket; one more is LIMIT_EXCEEDED, and the others go on', async () => {
  const socket = await greeted('ada');
  for (let index = 0; index < 100; index++) socket.ask(`${index}`, WATCH);
  for (let index = 0; index < 100; index++) expect((await socket.hear(`${index}`)).type).toBe('next');
  socket.ask('one more', WATCH);
  expect(codeOf(await socket.hear('one more'))).toBe('LIMIT_EXCEEDED');
  socket.say({ id: '7', type: 'complete' });
  socket.ask('another', WATCH);
  expect(codeOf(await socket.hear('another'))).toBe('next');
});

describe('upgrades', () => {
  const refusal = async (to: RunningServer, origin: string): Promise<unknown> =>
    open(to, { origin }).then(
      () => 'accepted',
      (error: Error) => error.message,
    );

  test('in development pages of this machine may connect, others may not', async () => {
    expect(await refusal(server, 'http://localhost:5173')).toBe('accepted');
    expect(await refusal(server, 'http://127.0.0.1')).toBe('accepted');
    expect(await refusal(server, 'https://evil.example')).toMatch(/403/);
    expect(await refusal(server, 'null')).toMatch(/403/);
  });

  test('ALLOWED_ORIGINS names who may; our own pages may; who is no browser may', async () => {
    expect(await refusal(guarded, 'https://app.example')).toBe('accepted');
    expect(await refusal(guarded, guarded.url)).toBe('accepted');
    expect(await refusal(guarded, 'http://localhost:5173')).toMatch(/403/);
    await open(guarded);
  });

  test('elsewhere there is nothing to connect to', async () => {
    await expect(open(server, { path: '/' })).rejects.toThrow('404');
    await expect(open(server, { path: '/graphql/x' })).rejects.toThrow('404');
  });
});

describe('a session that is bound to its connection', () => {
  const BIND = `mutation { heartbeat(input: { sessionId: "s", bindToConnection: true }) {
    nextHeartbeatMs
    session { expiresAt }
  } }`;

  test('rule 2: lives with the socket, and has its grace when the socket goes', async () => {
    const [socket, watcher] = await Promise.all([greeted('carol'), greeted('carol')]);
    watcher.ask('1', 'subscription { viewer { sessions { id expiresAt } } }');
    expect(await watcher.hear('1')).toMatchObject({ payload: { data: { viewer: { sessions: [] } } } });
    socket.ask('1', BIND);
    expect(await socket.hear('1')).toMatchObject({
      payload: { data: { heartbeat: { nextHeartbeatMs: null, session: { expiresAt: null } } } },
    });
    expect(await watcher.hear('1')).toMatchObject({
      payload: { data: { viewer: { sessions: [{ id: 's', expiresAt: null }] } } },
    });
    socket.terminate();
    expect(await watcher.hear('1')).toMatchObject({
      payload: { data: { viewer: { sessions: [{ id: 's', expiresAt: expect.any(String) }] } } },
    });
  });

  test('rule 2: over HTTP there is no connection to bind to', async () => {
    const response = await fetch(`${server.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: 'Bearer dave' },
      body: JSON.stringify({ query: BIND }),
    });
    expect(await response.json()).toMatchObject({
      data: { heartbeat: { nextHeartbeatMs: 30_000, session: { expiresAt: expect.any(String) } } },
    });
  });
});
