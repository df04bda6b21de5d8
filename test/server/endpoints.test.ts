import { request as httpRequest } from 'node:http';
import { buildClientSchema, getIntrospectionQuery, lexicographicSortSchema, printSchema } from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildSchema } from '../../src/graphql/schema.ts';
import type { RunningServer } from '../../src/server/server.ts';
import { startInProcess } from '../support/server.ts';

let server: RunningServer;
beforeAll(async () => {
  server = await startInProcess();
  await server.whenReady;
});
afterAll(() => server.close());

const ME = '{ viewer { id } }';

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: { data?: unknown; errors?: { message: string; extensions: Record<string, unknown> }[] };
}

async function post(body: unknown, headers: Record<string, string> = {}, to: RunningServer = server): Promise<Answer> {
  const response = await fetch(`${to.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: response.status, headers: response.headers, body: (await response.json()) as Answer['body'] };
}

const as = (user: string) => ({ authorization: `Bearer ${user}` });

describe('beside GraphQL', () => {
  test('/healthz, /readyz and what is not there', async () => {
    for (const [path, status, text] of [
      ['/healthz', 200, 'ok\n'],
      ['/healthz?verbose', 200, 'ok\n'],
      ['/readyz', 200, 'ready\n'],
      ['/nowhere', 404, 'Nothing here. GraphQL is at /graphql\n'],
      ['/graphql/', 404, 'Nothing here. GraphQL is at /graphql\n'],
    ] as const) {
      const response = await fetch(`${server.url}${path}`);
      expect([path, response.status, await response.text()]).toEqual([path, status, text]);
    }
  });

  test('/ leads to GraphQL in development only', async () => {
    const response = await fetch(`${server.url}/`, { redirect: 'manual' });
    expect([response.status, response.headers.get('location')]).toEqual([302, '/graphql']);
    const guarded = await startInProcess({ JWT_SECRET: 'thirty-two bytes at the very least' });
    try {
      expect((await fetch(`${guarded.url}/`, { redirect: 'manual' })).status).toBe(404);
    } finally {
      await guarded.close();
    }
  });

  test('/metrics counts what happens, in the text format of Prometheus', async () => {
    const count = async (): Promise<number> => {
      const text = await (await fetch(`${server.url}/metrics`)).text();
      expect(text).toContain('\nprocess_resident_memory_bytes ');
      return Number(/^rollcall_operations_total\{transport="http",type="query"\} (\d+)$/m.exec(text)?.[1] ?? 0);
    };
    const before = await count();
    await post({ query: ME }, as('ada'));
    expect(await count()).toBe(before + 1);
  });

  test('a request target that is no path is answered, too', async () => {
    const { port } = server;
    const status = await new Promise((resolve, reject) => {
      const request = httpRequest({ port, host: '127.0.0.1', method: 'GET', path: 'http://[/graphql' }, (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      request.on('error', reject).end();
    });
    expect(status).toBe(404);
  });
});

describe('GraphQL over HTTP', () => {
  test('a Host header that names no host is 400, whatever comes with it', async () => {
    const { port } = new URL(server.url);
    for (const host of ['a b', '[', 'localhost:99999']) {
      const status = await new Promise<number | undefined>((resolve, reject) => {
        const headers = { host, 'content-type': 'application/json', ...as('ada') };
        const options = { port, host: '127.0.0.1', method: 'POST', path: '/graphql', headers };
        const request = httpRequest(options, (response) => {
          response.resume();
          resolve(response.statusCode);
        });
        request.on('error', reject).end(JSON.stringify({ query: ME }));
      });
      expect([host, status]).toEqual([host, 400]);
    }
  });

  test('POST and GET', async () => {
    expect((await post({ query: ME }, as('ada'))).body).toEqual({ data: { viewer: { id: 'ada' } } });
    const response = await fetch(`${server.url}/graphql?query=${encodeURIComponent(ME)}`, { headers: as('bob') });
    expect(await response.json()).toEqual({ data: { viewer: { id: 'bob' } } });
  });

  test('a mutation may not be a GET', async () => {
    const query = encodeURIComponent('mutation { endSession(input: { sessionId: "x" }) { viewer { id } } }');
    const response = await fetch(`${server.url}/graphql?query=${query}`, { headers: as('ada') });
    expect(response.status).toBe(405);
  });

  test('the schema can be read without signing in', async () => {
    const { body } = await post({ query: getIntrospectionQuery() });
    const told = buildClientSchema(body.data as never);
    expect(printSchema(told)).toContain('friendsPresence');
    expect(printSchema(lexicographicSortSchema(told)).length).toBeGreaterThan(
      printSchema(lexicographicSortSchema(buildSchema())).length / 2,
    );
  });

  test('who has not signed in is UNAUTHENTICATED', async () => {
    const { status, body } = await post({ query: ME });
    expect(status).toBe(200);
    expect(body.errors?.map(({ extensions }) => extensions)).toEqual([{ code: 'UNAUTHENTICATED' }]);
  });

  test('a bad token is UNAUTHENTICATED: 401, but 200 for clients that take only application/json', async () => {
    const bad = { authorization: 'Basic YTpi' };
    for (const [accept, status] of [
      ['application/graphql-response+json', 401],
      ['application/json', 200],
    ] as const) {
      const answer = await post({ query: '{ __typename }' }, { ...bad, accept });
      expect(answer.status).toBe(status);
      expect(answer.body).toEqual({
        errors: [
          {
            message: 'The Authorization header must be of the form: Bearer <token>.',
            extensions: { code: 'UNAUTHENTICATED' },
          },
        ],
      });
    }
  });

  test.each([
    ['a syntax error', '{ viewer { id }'],
    ['an unknown field', '{ viewer { shoeSize } }'],
    ['an unknown operation', 'query A { viewer { id } } query B { viewer { id } }'],
  ])('%s is BAD_USER_INPUT: 400, but 200 for clients that take only application/json', async (_, query) => {
    for (const [accept, status] of [
      ['application/graphql-response+json', 400],
      ['application/json', 200],
    ] as const) {
      const { body, ...answer } = await post({ query }, { ...as('ada'), accept });
      expect(answer.status).toBe(status);
      expect(body.errors?.map(({ extensions }) => extensions['code'])).toEqual(['BAD_USER_INPUT']);
      expect(body).not.toHaveProperty('data');
    }
  });

  test('all that is wrong with a document is told at once', async () => {
    const { body } = await post({ query: '{ viewer { shoeSize hatSize } }' }, as('ada'));
    expect(body.errors?.map(({ message }) => /"(\w+)"/.exec(message)?.[1])).toEqual(['shoeSize', 'hatSize']);
  });

  test.each([
    ['no JSON', '{', 400],
    ['no query', '{}', 400],
    ['no object', '[]', 400],
    ['a body beyond a mebibyte', JSON.stringify({ query: `{ viewer { id } } #${'x'.repeat(1_048_576)}` }), 413],
  ])('%s is refused without a stack', async (_, body, status) => {
    const answer = await post(body, { ...as('ada'), accept: 'application/graphql-response+json' });
    expect(answer.status).toBe(status);
    expect(answer.body.errors?.[0]?.extensions['code']).toBe('BAD_USER_INPUT');
    expect(JSON.stringify(answer.body)).not.toMatch(/node_modules|\.[jt]s:/);
  });

  test('a body beyond the limit is refused without its length being said, too', async () => {
    const stream = new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode(`{"query":"${'x'.repeat(1_100_000)}`));
        controller.enqueue(new TextEncoder().encode('"}'));
        controller.close();
      },
    });
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: stream, duplex: 'half' };
    const response = await fetch(`${server.url}/graphql`, init as RequestInit);
    expect(response.status).toBe(413);
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
  });
});
