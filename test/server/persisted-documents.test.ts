import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { getIntrospectionQuery } from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RunningServer } from '../../src/server/server.ts';
import { runCommand, startInProcess } from '../support/server.ts';
import { RawSocket } from './raw-socket.ts';

const TRUSTED = 'query Me { viewer { id presence { status } } }';
const WATCH = 'subscription Watch { friendsPresence { reset changes { id } stale } }';
const hashOf = (text: string, algorithm = 'sha256'): string => createHash(algorithm).update(text).digest('hex');
const automatic = (text: string) => ({ extensions: { persistedQuery: { version: 1, sha256Hash: hashOf(text) } } });
const ONLY = 'This server runs only the documents that it was set up with: send the id of one of them.';

let folder: string;
/** `server` runs what it is sent, `strict` only what is in its file. */
let server: RunningServer;
let strict: RunningServer;

async function fileOf(content: unknown, name = 'documents.json'): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rollcall-'));
  const file = await fileOf({ [`sha256:${hashOf(TRUSTED)}`]: TRUSTED, [hashOf(WATCH, 'md5')]: WATCH });
  server = await startInProcess();
  strict = await startInProcess({ PERSISTED_DOCUMENTS: file, PERSISTED_DOCUMENTS_ONLY: 'true' });
  await Promise.all([server.whenReady, strict.whenReady]);
});
afterAll(async () => {
  await Promise.all([server.close(), strict.close()]);
  await rm(folder, { recursive: true });
});

interface Answer {
  readonly status: number;
  readonly type: string | null;
  readonly text: string;
}

async function answerOf(response: Response): Promise<Answer> {
  return { status: response.status, type: response.headers.get('content-type'), text: await response.text() };
}

/** In the form that is answered on the short way, and in one that goes through all layers. */
async function post(to: RunningServer, body: object, accept = '*/*'): Promise<Answer> {
  const send = async (headers: Record<string, string>): Promise<Answer> =>
    answerOf(
      await fetch(`${to.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: 'Bearer ada', accept, ...headers },
        body: JSON.stringify(body),
      }),
    );
  const [short, layered] = [await send({}), await send({ origin: 'http://localhost:1' })];
  expect(short).toEqual(layered);
  return short;
}

async function get(to: RunningServer, query: Record<string, string>, accept = '*/*'): Promise<Answer> {
  const headers = { authorization: 'Bearer ada', accept };
  return answerOf(await fetch(`${to.url}/graphql?${new URLSearchParams(query)}`, { headers }));
}

async function firstEvent(to: RunningServer, body: object): Promise<string> {
  const response = await fetch(`${to.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer ada', accept: 'text/event-stream' },
    body: JSON.stringify(body),
  });
  const reader = response.body?.getReader();
  let text = '';
  while (!/event: \w+\ndata: .+\n/.test(text)) {
    const part = await reader?.read();
    if (!part || part.done) throw new Error(`The stream ended after ${text}`);
    text += new TextDecoder().decode(part.value);
  }
  await reader?.cancel();
  return /event: \w+\ndata: .+\n/.exec(text)?.[0] ?? '';
}

/** What one operation over a WebSocket is first answered with. */
async function overSocket(to: RunningServer, payload: object): Promise<object> {
  const socket = await RawSocket.greeted(to.url, 'ada');
  socket.say({ id: '1', type: 'subscribe', payload });
  const { type, payload: answer } = await socket.hear('1');
  await socket.close();
  return { type, answer };
}

describe('rule 12.1: the answer to a hash is the answer to its text', () => {
  const documents: [name: string, query: string, rest: object][] = [
    ['a query', '{ viewer { id friends { totalCount } } }', {}],
    ['variables', 'query ($id: ID!) { user(id: $id) { id } }', { variables: { id: 'bob' } }],
    ['a variable that is missing', 'query ($id: ID!) { user(id: $id) { isFriend } }', {}],
    ['a mutation', 'mutation { endSession(input: { sessionId: "none" }) { viewer { id } } }', {}],
    ['one of several operations', 'query A { viewer { id } } query B { __typename }', { operationName: 'B' }],
    ['none of several operations', 'query A { viewer { id } } query C { __typename }', {}],
  ];
  test.each(documents)('%s, over POST', async (_, query, rest) => {
    for (const accept of ['application/json', 'application/graphql-response+json']) {
      const byText = await post(server, { query, ...rest }, accept);
      for (const named of [
        { documentId: `sha256:${hashOf(query)}` },
        { documentId: hashOf(query) },
        automatic(query),
      ]) {
        expect(await post(server, { ...named, ...rest }, accept)).toEqual(byText);
        expect(await post(server, { query, ...named, ...rest }, accept)).toEqual(byText);
      }
    }
  });

  test('over GET, where a mutation is none', async () => {
    const query = 'query ($id: ID!) { user(id: $id) { id isFriend } }';
    const variables = JSON.stringify({ id: 'bob' });
    const byText = await get(server, { query, variables });
    expect(byText.text).toBe('{"data":{"user":{"id":"bob","isFriend":false}}}');
    expect(await get(server, { documentId: `sha256:${hashOf(query)}`, variables })).toEqual(byText);
    const { extensions } = automatic(query);
    expect(await get(server, { extensions: JSON.stringify(extensions), variables })).toEqual(byText);
    const mutation = 'mutation { clearOverride(input: {}) { viewer { id } } }';
    await post(server, { query: mutation });
    expect((await get(server, { documentId: hashOf(mutation) })).status).toBe(405);
  });

  test('over Server-Sent Events', async () => {
    const byText = await firstEvent(server, { query: WATCH });
    expect(byText).toContain('"reset":true');
    expect(await firstEvent(server, { documentId: hashOf(WATCH) })).toBe(byText);
    expect(await firstEvent(server, automatic(WATCH))).toBe(byText);
  });

  test('over WebSocket, with an empty query or with none at all', async () => {
    const byText = await overSocket(server, { query: WATCH });
    expect(byText).toMatchObject({ type: 'next' });
    for (const named of [{ documentId: `sha256:${hashOf(WATCH)}` }, automatic(WATCH)]) {
      expect(await overSocket(server, { query: '', ...named })).toEqual(byText);
      expect(await overSocket(server, named)).toEqual(byText);
      expect(await overSocket(server, { query: WATCH, ...named })).toEqual(byText);
    }
  });
});

test('rule 12.1: whatever the document, the form and the transport, hash and text are answered alike', async () => {
  const field = fc.constantFrom(
    'id',
    'invisible',
    'presence { status clients }',
    'friends(first: $n) { totalCount nodes { id } }',
    'friends(first: $n) @skip(if: true) { totalCount }',
    'explanation { reason nextStatus }',
    'blocked(after: "not a cursor") { totalCount }',
    '__typename',
  );
  const selection = fc
    .array(field, { minLength: 1, maxLength: 6 })
    .map((fields) => fields.map((text, index) => (text === '__typename' ? text : `f${index}: ${text}`)).join(' '));
  const form = fc.constantFrom<(text: string) => object>(
    (text) => ({ documentId: `sha256:${hashOf(text)}` }),
    (text) => ({ documentId: hashOf(text) }),
    automatic,
  );
  const transport = fc.constantFrom<(request: object) => Promise<unknown>>(
    (request) => post(server, request),
    (request) => post(server, request, 'application/graphql-response+json'),
    (request) =>
      get(
        server,
        Object.fromEntries(
          Object.entries(request).map(([name, value]) => [
            name,
            typeof value === 'string' ? value : JSON.stringify(value),
          ]),
        ),
      ),
    (request) => firstEvent(server, request),
    (request) => overSocket(server, request),
  );
  const variables = fc.constantFrom<object>({ n: 1 }, { n: -1 }, { n: 'x' }, {});
  await fc.assert(
    fc.asyncProperty(selection, form, transport, variables, async (fields, name, send, given) => {
      const query = `query Q($n: Int = 2) { viewer { ${fields} } user(id: "bob") { id } users(ids: []) { n: id @include(if: true) } u: users(ids: ["a"]) { id } v: viewer { friends(first: $n) { totalCount } } }`;
      const byText = await send({ query, variables: given });
      expect(await send({ ...name(query), variables: given })).toEqual(byText);
    }),
    { numRuns: 60 },
  );
});

describe('rule 12.1: a hash that is not known', () => {
  const query = 'query Unknown { viewer { id } }';
  const notFound = { message: 'PersistedQueryNotFound', extensions: { code: 'PERSISTED_QUERY_NOT_FOUND' } };

  test('asks for the text with status 200, over POST, GET, SSE and WebSocket', async () => {
    const text = JSON.stringify({ errors: [notFound] });
    for (const accept of ['application/json', 'application/graphql-response+json']) {
      expect(await post(server, automatic(query), accept)).toMatchObject({ status: 200, text });
      const { extensions } = automatic(query);
      expect(await get(server, { extensions: JSON.stringify(extensions) }, accept)).toMatchObject({
        status: 200,
        text,
      });
    }
    expect(await firstEvent(server, automatic(query))).toContain(text);
    expect(await overSocket(server, automatic(query))).toEqual({ type: 'error', answer: [notFound] });
  });

  test('as a documentId is BAD_USER_INPUT, and a WebSocket goes on', async () => {
    const code = '"code":"BAD_USER_INPUT","argument":"documentId"';
    const { status, text } = await post(server, { documentId: hashOf(query) }, 'application/graphql-response+json');
    expect(status).toBe(400);
    expect(text).toContain(code);
    expect((await get(server, { documentId: hashOf(query) })).text).toContain(code);
    const socket = await RawSocket.greeted(server.url, 'ada');
    socket.say({ id: '1', type: 'subscribe', payload: { documentId: hashOf(query) } });
    expect(JSON.stringify(await socket.hear('1'))).toContain(code);
    socket.ask('2', '{ viewer { id } }');
    expect(await socket.hear('2')).toMatchObject({ type: 'next' });
    await socket.close();
  });
});

describe('rule 12.2: documents of the file are known from the start', () => {
  test('by the id that the file has for them and by their SHA-256, over every transport', async () => {
    const me = '{"data":{"viewer":{"id":"ada","presence":{"status":"OFFLINE"}}}}';
    expect((await post(strict, { documentId: `sha256:${hashOf(TRUSTED)}` })).text).toBe(me);
    expect((await post(strict, automatic(TRUSTED))).text).toBe(me);
    expect((await get(strict, { documentId: hashOf(TRUSTED) })).text).toBe(me);
    expect(await firstEvent(strict, { documentId: hashOf(WATCH, 'md5') })).toContain('"reset":true');
    expect(await overSocket(strict, { documentId: hashOf(WATCH, 'md5') })).toMatchObject({ type: 'next' });
    expect(await overSocket(strict, { documentId: hashOf(WATCH) })).toMatchObject({ type: 'next' });
  });

  test("Apollo's manifest is read as well", async () => {
    const operations = [{ id: hashOf(TRUSTED), name: 'Me', type: 'query', body: TRUSTED }];
    const file = await fileOf({ format: 'apollo-persisted-query-manifest', version: 1, operations }, 'manifest.json');
    const own = await startInProcess({ PERSISTED_DOCUMENTS: file });
    await own.whenReady;
    expect((await post(own, automatic(TRUSTED))).text).toContain('"id":"ada"');
    await own.close();
  });

  const wrong: [what: string, content: unknown, line: string][] = [
    ['no JSON', '{"a":', 'is not JSON:'],
    ['no object', [TRUSTED], 'must hold an object of documents by their hash.'],
    ['nothing in it', {}, 'holds no documents.'],
    ['a hash of another text', { [hashOf('{ a }')]: TRUSTED }, 'that is not the one with this hash.'],
    ['an id that is no hash', { me: TRUSTED }, 'has "me" in it, which is no SHA-256, SHA-1 or MD5'],
    ['something else than a text', { [hashOf(TRUSTED)]: {} }, 'that is not the text of a document.'],
    [
      'an operation that the schema does not have',
      { [hashOf('{ nobody }')]: '{ nobody }' },
      'that cannot be run: Cannot query field "nobody" on type "Query".',
    ],
    [
      'a manifest without a body',
      { format: 'apollo-persisted-query-manifest', operations: [{ id: 'x' }] },
      'is a manifest with an operation in it that lacks its id or its body.',
    ],
  ];
  test.each(wrong)('a file with %s stops the start with one line', async (_, content, line) => {
    const file = await fileOf(content, 'wrong.json');
    await expect(startInProcess({ PERSISTED_DOCUMENTS: file })).rejects.toThrow(line);
    await expect(startInProcess({ PERSISTED_DOCUMENTS: file })).rejects.toThrow(`PERSISTED_DOCUMENTS: ${file} `);
  });

  test('a file that is not there stops the start with one line', async () => {
    const file = join(folder, 'none.json');
    const { exited, output } = runCommand(['serve', '--persisted-documents', file], { PORT: '0' });
    expect((await exited).code).toBe(2);
    expect(output()).toBe(`rollcall: PERSISTED_DOCUMENTS: ${file} cannot be read: there is no such file.\n`);
  });
});

describe('rule 12.3: where only the documents of the file are run', () => {
  const refused = { message: ONLY, extensions: { code: 'BAD_USER_INPUT', argument: 'query' } };

  test.each([
    ['another query', '{ viewer { id } }'],
    ['introspection', getIntrospectionQuery()],
    ['what does not parse', '{'],
  ])('%s is refused over POST, GET, SSE and WebSocket', async (_, query) => {
    const text = JSON.stringify({ errors: [refused] });
    expect(await post(strict, { query }, 'application/graphql-response+json')).toMatchObject({ status: 400, text });
    expect((await post(strict, { query, ...automatic(query) })).text).toBe(text);
    expect((await get(strict, { query })).text).toBe(text);
    expect(await firstEvent(strict, { query })).toContain(text);
    expect(await overSocket(strict, { query })).toEqual({ type: 'error', answer: [refused] });
  });

  test('a hash that is not among them is refused at once, so that no text follows', async () => {
    const { text } = await post(strict, automatic('{ viewer { id } }'));
    expect(JSON.parse(text).errors).toEqual([
      { ...refused, extensions: { ...refused.extensions, argument: 'extensions' } },
    ]);
  });

  test('a text that is among them is run', async () =>
    expect((await post(strict, { query: TRUSTED })).text).toContain('"id":"ada"'));

  test('there is no GraphiQL', async () => {
    expect((await get(server, {}, 'text/html')).type).toContain('text/html');
    const { type, status } = await get(strict, {}, 'text/html');
    expect(type).toContain('application/json');
    expect(status).toBe(400);
  });
});
