import { request as httpRequest } from 'node:http';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RunningServer } from '../../src/server/server.ts';
import { type Environment, startInProcess } from '../support/server.ts';
import { RawSocket } from './raw-socket.ts';

const ME = '{ viewer { id } }';
const SET_STATUS = 'mutation { setCustomStatus(input: { text: "forged" }) { viewer { id } } }';
const JSON_TYPE = { 'content-type': 'application/json' };
const as = (user: string) => ({ authorization: `Bearer ${user}` });
const SECRET = 'thirty-two bytes at the very least';
const token = (): Promise<string> =>
  new SignJWT({ sub: 'ada' }).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.from(SECRET));
const body = (query: string): string => JSON.stringify({ query });

let server: RunningServer;
let listed: RunningServer;
let guarded: RunningServer;
beforeAll(async () => {
  [server, listed, guarded] = await Promise.all([
    startInProcess(),
    startInProcess({ ALLOWED_ORIGINS: 'https://app.example,https://www.app.example' }),
    startInProcess({ JWT_SECRET: SECRET, NODE_ENV: 'production' }),
  ]);
  await Promise.all([server, listed, guarded].map(({ whenReady }) => whenReady));
});
afterAll(() => Promise.all([server, listed, guarded].map((one) => one.close())));

describe('origins', () => {
  const preflight = (to: RunningServer, origin: string): Promise<Response> =>
    fetch(`${to.url}/graphql`, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,content-type',
      },
    });
  const post = (to: RunningServer, origin: string): Promise<Response> =>
    fetch(`${to.url}/graphql`, {
      method: 'POST',
      headers: { ...JSON_TYPE, ...as('ada'), origin },
      body: body('{ __typename }'),
    });
  /** Over all ways of asking: answered, or refused. */
  const isAllowed = async (to: RunningServer, origin: string): Promise<boolean> => {
    const [before, answer, event, socket] = await Promise.all([
      preflight(to, origin),
      post(to, origin),
      fetch(`${to.url}/graphql?query={__typename}`, {
        headers: { accept: 'text/event-stream', 'x-requested-with': 'test', origin },
      }),
      RawSocket.open(to.url, { origin }).then(
        (open) => {
          open.terminate();
          return 101;
        },
        (error: Error) => Number(/\d{3}/.exec(error.message)?.[0]),
      ),
    ]);
    const told = [before, answer, event].map(({ headers }) => headers.get('access-control-allow-origin'));
    const statuses = [before.status, socket];
    for (const { headers } of [before, answer, event]) {
      expect(headers.get('vary')).toBe('Origin');
      expect(headers.get('access-control-allow-credentials')).toBeNull();
    }
    await Promise.all([answer.text(), event.text()]);
    if (told.every((given) => given === origin)) {
      expect(statuses).toEqual([204, 101]);
      return true;
    }
    expect(told).toEqual([null, null, null]);
    expect([...statuses, answer.status, event.status]).toEqual([403, 403, 403, 403]);
    return false;
  };

  test.each(['http://localhost:3000', 'http://127.0.0.1', 'https://[::1]:8080'])(
    'rule 15.1: in development any page of this machine may ask: %s',
    async (origin) => expect(await isAllowed(server, origin)).toBe(true),
  );

  test.each([
    'https://evil.example',
    'http://localhost.evil.example',
    'http://notlocalhost',
    'http://localhost:3000.evil.example',
    'http://user@localhost',
    'http://evil.example#http://localhost',
    'null',
    '*',
  ])('rule 15.1: in development no other may: %s', async (origin) =>
    expect(await isAllowed(server, origin)).toBe(false),
  );

  test('rule 15.1: ALLOWED_ORIGINS names who may, exactly, and nobody else may', async () => {
    for (const origin of ['https://app.example', 'https://www.app.example']) {
      expect([origin, await isAllowed(listed, origin)]).toEqual([origin, true]);
    }
    for (const origin of [
      'http://app.example',
      'https://app.example:8443',
      'https://app.example.evil.example',
      'https://evilapp.example',
      'https://APP.example',
      'https://app.example, https://www.app.example',
      'http://localhost:3000',
      'null',
    ]) {
      expect([origin, await isAllowed(listed, origin)]).toEqual([origin, false]);
    }
  });

  test('rule 15.1: in production nobody may unless named, but our own pages', async () => {
    expect(await isAllowed(guarded, 'http://localhost:3000')).toBe(false);
    expect(await isAllowed(guarded, guarded.url)).toBe(true);
  });

  test('rule 15.2: a preflight is answered with all that a page may send, and for how long that holds', async () => {
    const { headers } = await preflight(server, 'http://localhost:3000');
    const told = ['methods', 'headers'].map((name) => headers.get(`access-control-allow-${name}`)?.split(', '));
    expect(told[0]).toEqual(['GET', 'POST', 'OPTIONS']);
    expect(told[1]).toEqual(expect.arrayContaining(['authorization', 'content-type', 'accept']));
    expect(headers.get('access-control-max-age')).toBe('7200');
  });

  test('what is not GraphQL is given to no page of another origin', async () => {
    for (const path of ['/metrics', '/healthz', '/nowhere']) {
      const { headers } = await fetch(`${server.url}${path}`, { headers: { origin: 'http://localhost:3000' } });
      expect(headers.get('access-control-allow-origin')).toBeNull();
    }
  });
});

/** As a browser would that was led here by another name. */
function askBy(host: string, to: RunningServer, path = '/graphql', headers = {}): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const options = {
      port: to.port,
      host: '127.0.0.1',
      path,
      headers: { ...JSON_TYPE, ...as('ada'), ...headers, host },
    };
    const request = httpRequest({ ...options, method: 'POST' }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    request.on('error', reject).end(body(ME));
  });
}

describe('names', () => {
  test.each(['localhost', 'LOCALHOST:1', '127.0.0.1:80', '[::1]:80', '192.168.1.9', 'a.localhost', 'rollcall:4000'])(
    'rule 15.3: with the development sign-in we answer to %s',
    async (host) => expect(await askBy(host, server)).toBe(200),
  );

  test.each(['evil.example', 'evil.example:4000', '127.0.0.1.evil.example', 'localhost.evil.example', 'evil.example.'])(
    'rule 15.3: with the development sign-in we do not answer to %s, of whatever origin',
    async (host) => {
      expect(await askBy(host, server)).toBe(421);
      expect(await askBy(host, server, '/graphql', { origin: `http://${host}` })).toBe(421);
      expect(await askBy(host, server, '/metrics')).toBe(421);
      const socket = RawSocket.open(server.url, { origin: `http://${host}`, host });
      await expect(socket).rejects.toThrow('421');
    },
  );

  test.each(['a:b@localhost', 'localhost?x', 'localhost/x', 'localhost#x', 'localhost\\x'])(
    'rule 15.3: %s is no name',
    async (host) => expect(await askBy(host, server, '/graphql')).toBe(400),
  );

  test('rule 15.3: names of allowed origins are ours, and with tokens any name is', async () => {
    expect(await askBy('app.example:4000', listed)).toBe(200);
    expect(await askBy('other.example', listed)).toBe(421);
    expect(await askBy('other.example', guarded)).toBe(200);
  });
});

describe('what a page can have a browser send without asking first', () => {
  /** How many operations have been looked at so far. */
  const operations = async (): Promise<number> => {
    const text = await (await fetch(`${server.url}/metrics`)).text();
    return [...text.matchAll(/^rollcall_operations_total\{.*\} (\d+)$/gm)].reduce((sum, [, n]) => sum + Number(n), 0);
  };
  const forged = `{"query":${JSON.stringify(SET_STATUS)},"x":"="}`;

  test.each<[string, RequestInit]>([
    ['text/plain', { method: 'POST', body: forged, headers: { 'content-type': 'text/plain' } }],
    ['no type', { method: 'POST', body: new TextEncoder().encode(forged) }],
    ['a form', { method: 'POST', body: new URLSearchParams({ query: SET_STATUS }) }],
    [
      'a type that pretends',
      { method: 'POST', body: forged, headers: { 'content-type': 'text/plain;application/json' } },
    ],
    [
      'Server-Sent Events',
      { method: 'POST', body: forged, headers: { 'content-type': 'text/plain', accept: 'text/event-stream' } },
    ],
  ])('rule 15.4: a POST of %s runs nothing, with a token either', async (_, init) => {
    const before = await operations();
    for (const signed of [{}, as('ada')]) {
      const response = await fetch(`${server.url}/graphql`, { ...init, headers: { ...init.headers, ...signed } });
      expect(response.status).toBe(415);
    }
    expect(await operations()).toBe(before);
  });

  test('rule 15.4: multipart runs nothing', async () => {
    const form = new FormData();
    form.set('operations', body(SET_STATUS));
    form.set('map', '{}');
    const before = await operations();
    expect((await fetch(`${server.url}/graphql`, { method: 'POST', body: form, headers: as('ada') })).status).toBe(415);
    expect(await operations()).toBe(before);
  });

  test.each(['*/*', 'text/event-stream', 'image/*'])(
    'rule 15.4: a GET of pictures, scripts and event sources runs nothing: %s',
    async (accept) => {
      const before = await operations();
      for (const query of [ME, SET_STATUS, 'subscription { viewer { id } }']) {
        const response = await fetch(`${server.url}/graphql?${new URLSearchParams({ query })}`, {
          headers: { accept },
        });
        expect(response.status).toBe(403);
        expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'FORBIDDEN' } }] });
      }
      expect(await operations()).toBe(before);
    },
  );

  test('rule 15.4: with a header that needs asking a GET runs queries, and never a mutation', async () => {
    for (const header of ['x-requested-with', 'apollo-require-preflight', 'authorization']) {
      const headers = { ...as('ada'), [header]: header === 'authorization' ? 'Bearer ada' : 'x' };
      const ask = (query: string) => fetch(`${server.url}/graphql?${new URLSearchParams({ query })}`, { headers });
      expect(await (await ask(ME)).json()).toEqual({ data: { viewer: { id: 'ada' } } });
      expect((await ask(SET_STATUS)).status).toBe(405);
    }
    const status = '{ viewer { presence { customStatus { text } } } }';
    const response = await fetch(`${server.url}/graphql`, {
      method: 'POST',
      headers: { ...JSON_TYPE, ...as('ada') },
      body: body(status),
    });
    expect(await response.json()).toEqual({ data: { viewer: { presence: { customStatus: null } } } });
  });

  test.each(['PUT', 'DELETE', 'PATCH', 'HEAD'])('rule 15.4: %s is none of our methods', async (method) => {
    const response = await fetch(`${server.url}/graphql`, { method, headers: as('ada') });
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, POST, OPTIONS']);
  });
});

describe('the schema in production', () => {
  const asked = async (to: RunningServer, query: string): Promise<string> => {
    const response = await fetch(`${to.url}/graphql`, { method: 'POST', headers: JSON_TYPE, body: body(query) });
    return response.text();
  };
  const INTROSPECTION = ['{ __schema { queryType { name } } }', '{ __type(name: "User") { name } }'];

  test('rule 15.7: nobody can ask for it, over HTTP or WebSocket', async () => {
    const socket = await RawSocket.greeted(guarded.url, null);
    for (const query of INTROSPECTION) {
      expect(await asked(guarded, query)).toContain('introspection has been disabled');
      expect(await asked(server, query)).toContain('"data"');
      socket.ask(query, query);
      expect(await socket.hear(query)).toMatchObject({
        type: 'error',
        payload: expect.arrayContaining([
          expect.objectContaining({ extensions: { code: 'BAD_USER_INPUT', argument: 'query' } }),
        ]),
      });
    }
    socket.terminate();
    expect(await asked(guarded, '{ __typename }')).toBe('{"data":{"__typename":"Query"}}');
  });

  test.each([
    ['a field', '{ viewr { id } }', undefined],
    ['an argument', '{ user(idd: "x") { id } }', undefined],
    ['a type', 'query ($a: Usr) { viewer { id } }', undefined],
    ['an enum value', 'mutation { heartbeat(input: { sessionId: "s", client: WEBB }) { nextHeartbeatMs } }', undefined],
    ['an input field', 'mutation { heartbeat(input: { sessionIdd: "s" }) { nextHeartbeatMs } }', undefined],
    [
      'an enum value in a variable',
      'mutation ($i: HeartbeatInput!) { heartbeat(input: $i) { nextHeartbeatMs } }',
      { i: { sessionId: 's', client: 'WEBB' } },
    ],
    [
      'an input field in a variable',
      'mutation ($i: HeartbeatInput!) { heartbeat(input: $i) { nextHeartbeatMs } }',
      { i: { sessionId: 's', clientt: 'WEB' } },
    ],
  ])('rule 15.7: no error guesses at %s, over HTTP or WebSocket', async (_, query, variables) => {
    const post = async (to: RunningServer, headers: Readonly<Record<string, string>>): Promise<string> => {
      const response = await fetch(`${to.url}/graphql`, {
        method: 'POST',
        headers: { ...JSON_TYPE, ...headers },
        body: JSON.stringify({ query, variables }),
      });
      return response.text();
    };
    /** A document that is valid is known the second time, and whoever has signed in is answered on the short way. */
    const over = async (to: RunningServer, token: string): Promise<readonly string[]> => {
      const socket = await RawSocket.greeted(to.url, token);
      const heard: string[] = [];
      for (const id of ['first', 'again']) {
        socket.ask(id, query, variables);
        heard.push(JSON.stringify(await socket.hear(id)));
      }
      socket.terminate();
      return [...heard, await post(to, {}), await post(to, as(token))];
    };
    for (const told of await over(server, 'ada')) expect(told).toContain('Did you mean');
    for (const told of await over(guarded, await token())) {
      expect(told).toContain('BAD_USER_INPUT');
      expect(told).not.toContain('Did you mean');
    }
  });

  test('rule 15.7: there is no GraphiQL unless it is asked for', async () => {
    const page = (to: RunningServer): Promise<Response> =>
      fetch(`${to.url}/graphql`, { headers: { accept: 'text/html' } });
    const asks: Environment = { NODE_ENV: 'production', JWT_SECRET: 'x'.repeat(32), INTROSPECTION: 'on' };
    const told = await startInProcess(asks);
    try {
      expect((await page(guarded)).status).toBe(403);
      expect((await page(told)).headers.get('content-type')).toBe('text/html; charset=utf-8');
      expect(await asked(told, INTROSPECTION[0] ?? '')).toContain('"data"');
    } finally {
      await told.close();
    }
  });
});
