import { createClient } from 'graphql-ws';
import { SignJWT } from 'jose';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import WebSocket from 'ws';
import { answerText, answerWith, JwksServer, newSigner, type Signer } from '../support/jwks-server.ts';
import { freePort } from '../support/port.ts';
import { runCommand, type ServerProcess, startInProcess, startProcess } from '../support/server.ts';
import { RawSocket } from './raw-socket.ts';
import { DOORS } from './sign-in-doors.ts';

const UNAVAILABLE = 'The keys that tokens are checked with are out of reach; try again.';
const claims = { sub: 'ada', exp: Math.floor(Date.now() / 1_000) + 3_600 };

let signer: Signer;
const closing: (() => Promise<unknown>)[] = [];
beforeAll(async () => {
  signer = await newSigner('one');
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function keysServer(port = 0): Promise<JwksServer> {
  const jwks = await JwksServer.start(answerWith([signer.jwk]), port);
  closing.push(() => jwks.close());
  return jwks;
}

async function started(env: Record<string, string>, until: 'ready' | 'listening' = 'ready'): Promise<ServerProcess> {
  const server = await startProcess({ env: { LOG_LEVEL: 'trace', ...env }, until });
  closing.push(() => server.stop());
  return server;
}

async function readiness(url: string): Promise<string> {
  const response = await fetch(`${url}/readyz`);
  return `${response.status} ${await response.text()}`;
}

/** By door, who is let in or why nobody is. */
async function doors(url: string, token: string): Promise<string[]> {
  return await Promise.all(Object.values(DOORS).map((door) => door(url, token)));
}

describe('rule 14.5: a start while the keys are out of reach', () => {
  test('it listens and says what it waits for, is not ready, refuses nobody for good, and becomes ready by itself', async () => {
    const port = await freePort();
    const JWKS_URL = `http://127.0.0.1:${port}/keys?code=hunter2`;
    const server = await started({ JWKS_URL }, 'listening');
    await server.says(new RegExp(`and waits for the keys at 127\\.0\\.0\\.1:${port}"`));
    await server.says(/The key set at [^"]+ cannot be fetched \(ECONNREFUSED\); nobody can sign in\./);
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
    expect(await readiness(server.url)).toBe('503 the keys that tokens are checked with are out of reach\n');
    const token = await signer.sign(claims);
    const away = `UNAVAILABLE: ${UNAVAILABLE}`;
    expect(await doors(server.url, token)).toEqual([away, away, away, `1013: ${UNAVAILABLE}`]);

    await keysServer(port);
    await server.says(/Rollcall is ready at/);
    expect(await readiness(server.url)).toBe('200 ready\n');
    expect(await doors(server.url, token)).toEqual(['ada', 'ada', 'ada', 'ada']);
    expect(server.output()).not.toContain('hunter2');
  });

  test('it stops in good order while it still waits', async () => {
    const jwks = await keysServer();
    jwks.behaviour = () => {};
    const server = await startInProcess({ JWKS_URL: jwks.url });
    const token = await signer.sign(claims);
    const asked = DOORS.post(server.url, token);
    await expect(fetch(`${server.url}/readyz`).then(({ status }) => status)).resolves.toBe(503);
    await server.close();
    expect(await asked).toBe(`UNAVAILABLE: ${UNAVAILABLE}`);
    await expect(server.whenReady).rejects.toThrow('closed before it could serve');
  });
});

test('rule 14.5: an outage of the keys is noticed by nobody who was let in before', async () => {
  const jwks = await keysServer();
  const server = await startInProcess({ JWKS_URL: jwks.url });
  closing.push(() => server.close());
  await server.whenReady;
  const token = await signer.sign(claims);
  expect(await doors(server.url, token)).toEqual(['ada', 'ada', 'ada', 'ada']);
  const socket = await RawSocket.greeted(server.url, token);
  closing.push(() => socket.close());
  jwks.behaviour = answerText('', 503);
  socket.ask('1', '{ viewer { id } }');
  expect(await socket.hear('1')).toMatchObject({ payload: { data: { viewer: { id: 'ada' } } } });
  expect(await doors(server.url, token)).toEqual(['ada', 'ada', 'ada', 'ada']);
});

describe('rule 14.3: who a socket speaks for is said once', () => {
  test('a later token, wherever it is put, changes nothing, and another connection_init closes it', async () => {
    const server = await startInProcess();
    closing.push(() => server.close());
    await server.whenReady;
    const socket = await RawSocket.greeted(server.url, 'ada');
    const query = '{ viewer { id } }';
    const authorization = 'Bearer admin:eve';
    const extensions = { authorization, headers: { authorization } };
    socket.say({ id: '1', type: 'subscribe', payload: { query, extensions, authorization }, authorization });
    expect(await socket.hear('1')).toMatchObject({ payload: { data: { viewer: { id: 'ada' } } } });
    socket.say({ type: 'ping', payload: { authorization } });
    expect(await socket.hear()).toMatchObject({ id: '1', type: 'complete' });
    expect(await socket.hear()).toMatchObject({ type: 'pong' });
    socket.ask('2', query);
    expect(await socket.hear('2')).toMatchObject({ payload: { data: { viewer: { id: 'ada' } } } });
    socket.say({ type: 'connection_init', payload: { authorization } });
    expect(await socket.closed()).toMatchObject({ code: 4429 });
  });

  test('one that was opened without a token gets none later', async () => {
    const server = await startInProcess();
    closing.push(() => server.close());
    await server.whenReady;
    const socket = await RawSocket.greeted(server.url, null);
    socket.say({ type: 'connection_init', payload: { authorization: 'ada' } });
    expect(await socket.closed()).toMatchObject({ code: 4429 });
  });

  test('FORBIDDEN is what a token without the scope is told, UNAUTHENTICATED who has none, over every transport', async () => {
    const server = await startInProcess();
    closing.push(() => server.close());
    await server.whenReady;
    const query = 'mutation { syncFriends(input: { userId: "u", friendIds: [] }) { userId } }';
    const overHttp = async (accept: string, token: string | null): Promise<string> => {
      const headers = {
        accept,
        'content-type': 'application/json',
        ...(token && { authorization: `Bearer ${token}` }),
      };
      const response = await fetch(`${server.url}/graphql`, {
        method: 'POST',
        headers,
        body: JSON.stringify({ query }),
      });
      return /"code":"(\w+)"/.exec(await response.text())?.[1] ?? 'none';
    };
    const overSocket = async (token: string | null): Promise<string> => {
      const socket = await RawSocket.greeted(server.url, token);
      socket.ask('1', query);
      const answer = JSON.stringify(await socket.hear('1'));
      await socket.close();
      return /"code":"(\w+)"/.exec(answer)?.[1] ?? 'none';
    };
    for (const [token, code] of [
      ['ada', 'FORBIDDEN'],
      [null, 'UNAUTHENTICATED'],
      ['admin:ada', 'none'],
    ] as const) {
      const told = [
        await overHttp('application/json', token),
        await overHttp('text/event-stream', token),
        await overSocket(token),
      ];
      expect(told).toEqual([code, code, code]);
    }
  });
});

describe('the client of graphql-ws comes back by itself', () => {
  /** A stream that goes on through whatever closes the socket. */
  function watch(url: string, token: () => Promise<string>): { next(): Promise<unknown> } {
    const client = createClient({
      url: `${url.replace('http', 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      connectionParams: async () => ({ authorization: `Bearer ${await token()}` }),
    });
    closing.push(async () => client.dispose());
    const stream = client.iterate({ query: 'subscription { viewer { id } }' });
    return { next: async () => (await stream.next()).value };
  }

  test('rule 14.6: with a new token when the old one has ended', async () => {
    const JWT_SECRET = 'thirty-two bytes at the very least';
    const server = await startInProcess({ JWT_SECRET });
    closing.push(() => server.close());
    await server.whenReady;
    const exp = Math.ceil(Date.now() / 1_000) + 2;
    const tokens = [exp, exp + 3_600].map((end) =>
      new SignJWT({ sub: 'ada', exp: end }).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.from(JWT_SECRET)),
    );
    const stream = watch(server.url, () => tokens.shift() ?? Promise.reject(new Error('asked for a third token')));
    const first = await stream.next();
    expect(first).toEqual({ data: { viewer: { id: 'ada' } } });
    expect(await stream.next()).toEqual(first);
    expect(tokens).toHaveLength(0);
  });

  test('rule 14.5: when the keys are in reach again', async () => {
    const port = await freePort();
    const server = await startInProcess({ JWKS_URL: `http://127.0.0.1:${port}/keys` });
    closing.push(() => server.close());
    let refused = (): void => {};
    const again = new Promise<void>((resolve) => {
      refused = resolve;
    });
    let asked = 0;
    const stream = watch(server.url, () => {
      asked++;
      // The second time tells that the first was in vain.
      if (asked === 2) refused();
      return signer.sign(claims);
    });
    const first = stream.next();
    await again;
    await keysServer(port);
    expect(await first).toEqual({ data: { viewer: { id: 'ada' } } });
  });
});

describe('rule 14.8: a process with log level trace', () => {
  test('never writes a token, whatever becomes of it', async () => {
    const server = await started({ JWT_SECRET: 'thirty-two bytes at the very least' });
    const expired = await signer.sign({ sub: 'ada', exp: 1 });
    const strange = 'Hunter2Hunter2Hunter2';
    for (const token of [expired, strange, `${strange}.${strange}.${strange}`]) await doors(server.url, token);
    // As people put them by mistake.
    await fetch(`${server.url}/graphql?access_token=${strange}&query={`, { headers: { accept: 'text/html' } });
    await fetch(`${server.url}/${strange}`, { headers: { authorization: strange, cookie: strange } });
    await server.stop();
    expect(server.output()).toContain('Rollcall has stopped');
    expect(server.output()).not.toContain(strange);
    for (const part of expired.split('.')) expect(server.output()).not.toContain(part);
  });
});

describe('rule 14.10: it does not start', () => {
  test.each([
    [{ NODE_ENV: 'production' }, 'JWT_SECRET or JWKS_URL must be set with NODE_ENV=production.'],
    [
      { NODE_ENV: 'Production', AUTH_MODE: 'dev' },
      'AUTH_MODE must not be dev with NODE_ENV=production: anyone could sign in as anyone.',
    ],
    [{ JWT_SECRET: 'short' }, 'JWT_SECRET must have 32 bytes or more: HS256 is no stronger than its secret.'],
  ])('%j', async (env, line) => {
    const { exited, output } = runCommand(['serve'], { PORT: '0', ...env });
    expect(await exited).toEqual({ code: 2, signal: null });
    expect(output()).toBe(`rollcall: ${line}\n`);
  });
});
