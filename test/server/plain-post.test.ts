import { once } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/config.ts';
import { Documents } from '../../src/graphql/documents.ts';
import { buildSchema } from '../../src/graphql/schema.ts';
import { UpdateWriters } from '../../src/graphql/update-writers.ts';
import { openSignIn } from '../../src/server/auth.ts';
import { openEngine } from '../../src/server/engine.ts';
import { createGraphQLOverHttp } from '../../src/server/graphql-over-http.ts';
import { createHttpServer } from '../../src/server/http.ts';
import { createLimits } from '../../src/server/limits.ts';
import { createMetrics } from '../../src/server/metrics.ts';
import { createBrowserRules } from '../../src/server/origin.ts';
import { Streams } from '../../src/server/streams.ts';
import { createYogaServer } from '../../src/server/yoga.ts';
import { createRollcall } from '../../src/service/create.ts';
import { quiet } from '../support/quiet.ts';

/** Two servers of one service: as it is, and one that takes every request through the layers. */
let plain: Server;
let layered: Server;
/** How many requests to the first one have needed the layers. */
let throughLayers = 0;
let close: () => Promise<void>;

beforeAll(async () => {
  const config = loadConfig({});
  const engine = openEngine(config, quiet);
  const rollcall = await createRollcall({ ...engine, settings: config.service, log: quiet });
  const { clock } = engine.store;
  const metrics = createMetrics();
  const schema = buildSchema();
  const limits = createLimits(config.limits, clock);
  const options = {
    schema,
    documents: new Documents(schema),
    writers: new UpdateWriters(schema),
    limits,
    rollcall,
    authenticate: openSignIn(config.auth, clock, quiet).authenticate,
    metrics,
    report: () => {},
    streams: new Streams(clock, metrics, limits),
  };
  const yoga = createYogaServer(options);
  const serve = async (
    graphql: (request: IncomingMessage, response: ServerResponse) => Promise<Response | null>,
  ): Promise<Server> => {
    const rules = createBrowserRules(config);
    const server = createHttpServer({
      graphql,
      page: null,
      rules,
      maxBodyBytes: config.limits.messageBytes,
      metrics,
      notReady: () => null,
      draining: () => false,
      dev: true,
      log: quiet,
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return server;
  };
  const overHttp = createGraphQLOverHttp(options);
  plain = await serve(async (request, response) => {
    const answer = await overHttp(request, response);
    if (answer !== null) throughLayers += 1;
    return answer;
  });
  layered = await serve(async (req, res) => yoga.handleNodeRequestAndResponse(req, res, { req, res }));
  close = async () => {
    for (const server of [plain, layered]) {
      server.closeAllConnections();
      server.close();
    }
    await rollcall.close();
    await engine.close();
  };
});
afterAll(() => close());

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/** What belongs to the moment and the connection, not to the answer. */
const OF_THE_LINE: ReadonlySet<string> = new Set(['date', 'connection', 'keep-alive', 'transfer-encoding']);

const send = (to: Server, body: string, headers: Record<string, string>): Promise<Response> =>
  fetch(`http://127.0.0.1:${(to.address() as AddressInfo).port}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer ada', ...headers },
    body,
  });

async function post(to: Server, body: string, headers: Record<string, string>): Promise<Answer> {
  const response = await send(to, body, headers);
  const told = [...response.headers].filter(([name]) => !OF_THE_LINE.has(name));
  return { status: response.status, headers: Object.fromEntries(told), text: await response.text() };
}

async function both(body: string, headers: Record<string, string> = {}): Promise<readonly Answer[]> {
  return [await post(plain, body, headers), await post(layered, body, headers)];
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
    const [short, long] = await both(ME, { accept });
    expect(short).toEqual(long);
    expect(short?.text).toContain('{"data":{"viewer":{"id":"ada"}}}');
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
      const [short, long] = await both(JSON.stringify({ query, variables }), { accept });
      expect(short).toEqual(long);
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
    const [short, long] = await both(body);
    expect(short).toEqual(long);
  });

  test.each([['Basic x'], ['Bearer admin:'], ['']])('Authorization: %s', async (authorization) => {
    for (const accept of ['application/json', 'application/graphql-response+json']) {
      const [short, long] = await both(ME, { authorization, accept });
      expect(short).toEqual(long);
    }
  });

  test.each(['http://localhost:5173', 'https://127.0.0.1', 'https://evil.example', 'null'])(
    'rule 15.5: Origin: %s',
    async (origin) => {
      for (const accept of ['*/*', 'application/graphql-response+json']) {
        for (const body of [ME, '{', JSON.stringify({ query: '{ nobody }' })]) {
          const [short, long] = await both(body, { origin, accept });
          expect(short).toEqual(long);
          expect(short?.headers).toMatchObject({ vary: 'Origin', 'x-content-type-options': 'nosniff' });
        }
      }
    },
  );

  test('rule 15.5: a page of an allowed origin is answered without the layers', async () => {
    const before = throughLayers;
    const answer = await post(plain, ME, { origin: 'http://localhost:5173' });
    expect(answer.text).toBe('{"data":{"viewer":{"id":"ada"}}}');
    expect(answer.headers['access-control-allow-origin']).toBe('http://localhost:5173');
    expect(throughLayers).toBe(before);
    await post(plain, '{', { origin: 'http://localhost:5173' });
    expect(throughLayers).toBe(before + 1);
  });

  test('a subscription over Server-Sent Events, whatever else would do as well', async () => {
    const body = JSON.stringify({ query: 'subscription { friendsPresence { reset } }' });
    const response = await send(plain, body, { accept: 'application/json, text/event-stream' });
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
