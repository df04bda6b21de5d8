import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RunningServer } from '../../src/server/server.ts';
import { startInProcess } from '../support/server.ts';

let server: RunningServer;
beforeAll(async () => {
  server = await startInProcess();
  await server.whenReady;
});
afterAll(() => server.close());

interface Answer {
  readonly status: number;
  readonly type: string | null;
  readonly text: string;
}

/** `origin` takes the request to the layers that also answer browsers. */
async function post(body: string, headers: Record<string, string>, layered: boolean): Promise<Answer> {
  const response = await fetch(`${server.url}/graphql`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: 'Bearer ada',
      ...headers,
      ...(layered ? { origin: 'http://localhost:1' } : {}),
    },
    body,
  });
  return { status: response.status, type: response.headers.get('content-type'), text: await response.text() };
}

async function both(body: string, headers: Record<string, string> = {}): Promise<readonly Answer[]> {
  return [await post(body, headers, false), await post(body, headers, true)];
}

const ME = JSON.stringify({ query: '{ viewer { id } }' });

describe('a request of the plainest form is answered as by the layers that it leaves out', () => {
  test.each([
    '*/*',
    'application/json',
    'application/graphql-response+json',
    'application/graphql-response+json, application/json',
    'application/graphql-response+json,application/json;q=0.9',
    'application/json, application/graphql-response+json',
    'application/graphql-response+json, application/graphql+json, application/json, text/event-stream, multipart/mixed',
    'text/event-stream, application/json',
    'application/*',
    'text/html, */*;q=0.1',
    'application/json;charset=utf-8',
    'application/json;charset=latin1, application/graphql-response+json',
    'APPLICATION/JSON',
  ])('Accept: %s', async (accept) => {
    const [plain, layered] = await both(ME, { accept });
    expect(plain).toEqual(layered);
    expect(plain?.text).toContain('{"data":{"viewer":{"id":"ada"}}}');
  });

  test.each([
    ['errors beside data', '{ viewer { id } users(ids: [""]) { id } }', undefined],
    ['an argument that the service refuses', '{ user(id: "") { id } }', undefined],
    ['a variable that is missing', 'query ($id: ID!) { user(id: $id) { id } }', undefined],
    ['a variable of another type', 'query ($ids: [ID!]!) { users(ids: $ids) { id } }', { ids: [{}] }],
    ['a document that does not parse', '{', undefined],
    ['a document that is not valid', '{ nobody }', undefined],
    [
      'a mutation',
      'mutation { setCustomStatus(input: { text: "hé 🙂" }) { viewer { presence { customStatus { text } } } } }',
      undefined,
    ],
    ['several operations and none named', 'query A { viewer { id } } query B { viewer { id } }', undefined],
  ])('%s', async (_, query, variables) => {
    for (const accept of ['application/json', 'application/graphql-response+json']) {
      const [plain, layered] = await both(JSON.stringify({ query, variables }), { accept });
      expect(plain).toEqual(layered);
    }
  });

  test.each([
    ['no JSON', '{'],
    ['an array', '[]'],
    ['null', 'null'],
    ['nothing', ''],
    ['a query that is no text', '{"query":1}'],
    ['an operation name that is no text', '{"query":"{ viewer { id } }","operationName":1}'],
    ['variables that are no object', '{"query":"{ viewer { id } }","variables":[]}'],
    ['what it does not know', '{"query":"{ viewer { id } }","extensions":{"a":1},"more":2}'],
    ['bytes that are no text', '{"query":"{ viewer { id } } # \ud800"}'],
  ])('a body of %s', async (_, body) => {
    const [plain, layered] = await both(body);
    expect(plain).toEqual(layered);
  });

  test.each([['Basic x'], ['Bearer admin:'], ['']])('Authorization: %s', async (authorization) => {
    for (const accept of ['application/json', 'application/graphql-response+json']) {
      const [plain, layered] = await both(ME, { authorization, accept });
      expect(plain).toEqual(layered);
    }
  });

  test('a subscription over Server-Sent Events, whatever else would do as well', async () => {
    const response = await fetch(`${server.url}/graphql`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: 'Bearer ada',
        accept: 'application/json, text/event-stream',
      },
      body: JSON.stringify({ query: 'subscription { friendsPresence { reset } }' }),
    });
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    const reader = response.body?.getReader();
    let text = '';
    while (!text.includes('"reset":true')) {
      const part = await reader?.read();
      if (!part || part.done) throw new Error(`The stream ended after ${text}`);
      text += new TextDecoder().decode(part.value);
    }
    await reader?.cancel();
  });
});
