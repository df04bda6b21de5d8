import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/config.ts';
import { type RunningServer, startServer } from '../../src/server/server.ts';
import { quiet } from '../support/quiet.ts';
import { RawSocket } from './raw-socket.ts';

let server: RunningServer;
/** The lines of the log that an operator would read. */
const log: string[] = [];

beforeAll(async () => {
  const note = (_details: object, message: string): void => void log.push(message);
  server = await startServer(loadConfig({ PORT: '0', DRAIN_MS: '0' }), { ...quiet, warn: note, error: note });
  await server.whenReady;
});
beforeEach(() => void log.splice(0));
afterAll(() => server.close());

const ME = '{ viewer { id } }';
const STRICT = 'application/graphql-response+json';
const signedIn = { authorization: 'Bearer ada', 'content-type': 'application/json' };

interface Answer {
  readonly status: number;
  readonly contentType: string | null;
  /** `CODE argument: message` of each error. */
  readonly errors: readonly string[];
}

async function ask(init: RequestInit, path = '/graphql'): Promise<Answer> {
  const response = await fetch(`${server.url}${path}`, init);
  const { errors = [] } = (await response.json()) as {
    errors?: { message: string; extensions: { code: string; argument?: string } }[];
  };
  return {
    status: response.status,
    contentType: response.headers.get('content-type'),
    errors: errors.map(({ message, extensions }) => `${extensions.code} ${extensions.argument}: ${message}`),
  };
}

const post = (body: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
  ask({ method: 'POST', headers: { ...signedIn, accept: STRICT, ...headers }, body: JSON.stringify(body) });

describe("clients' mistakes are BAD_USER_INPUT with 400, and nothing for the log", () => {
  test.each([3, {}, ['A'], true])('operationName %j', async (operationName) => {
    expect(await post({ query: ME, operationName })).toMatchObject({
      status: 400,
      errors: ['BAD_USER_INPUT operationName: operationName must be a string.'],
    });
    expect(log).toEqual([]);
  });

  test.each(['variables', 'extensions'])('%s of a GET that are no JSON', async (name) => {
    const path = `/graphql?${new URLSearchParams({ query: ME, [name]: '{' })}`;
    expect(await ask({ headers: { ...signedIn, accept: STRICT } }, path)).toMatchObject({
      status: 400,
      errors: ['BAD_USER_INPUT variables: variables and extensions must be JSON.'],
    });
    expect(log).toEqual([]);
  });

  const nested = `{ user(id: ${'['.repeat(3_000)}) { id } }`;
  const deep = 'BAD_USER_INPUT query: The document is nested too deeply.';

  test('a document that is nested without end, over HTTP', async () => {
    expect(await post({ query: nested })).toMatchObject({ status: 400, errors: [deep] });
    expect(log).toEqual([]);
  });

  test('the same over WebSocket', async () => {
    const socket = await RawSocket.greeted(server.url, 'ada');
    socket.ask('1', nested);
    const extensions = { code: 'BAD_USER_INPUT', argument: 'query' };
    expect(await socket.hear('1')).toEqual({
      id: '1',
      type: 'error',
      payload: [{ message: 'The document is nested too deeply.', extensions }],
    });
    socket.ask('2', ME);
    expect(await socket.hear('2')).toMatchObject({ type: 'next' });
    await socket.close();
    expect(log).toEqual([]);
  });
});

describe('what cannot be taken or given in the form asked for is refused with a body that says so', () => {
  const taken = 'BAD_USER_INPUT content-type: Send the operation as application/json.';
  test.each([
    'text/plain',
    'text/plain; application/json',
    'application/xml',
    'application/graphql',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
  ])('rule 15.4: 415 for %s', async (type) => {
    expect(await post({ query: ME }, { 'content-type': type, accept: '*/*' })).toEqual({
      status: 415,
      contentType: 'application/json; charset=utf-8',
      errors: [taken],
    });
  });

  test('415 for a body that is compressed', async () => {
    expect(await post({ query: ME }, { 'content-encoding': 'gzip' })).toMatchObject({
      status: 415,
      errors: ['BAD_USER_INPUT content-encoding: Send the operation without a content encoding.'],
    });
  });

  test('rule 15.4: 415 for no content type', async () => {
    const body = new TextEncoder().encode(JSON.stringify({ query: ME }));
    expect(await ask({ method: 'POST', body })).toMatchObject({ status: 415, errors: [taken] });
  });

  const given =
    'BAD_USER_INPUT accept: The answer can be given as application/json, application/graphql-response+json or text/event-stream.';
  test('406 for an answer that is asked for as a picture, and the operation is not run', async () => {
    const query = 'mutation { setCustomStatus(input: { text: "as a picture" }) { viewer { id } } }';
    expect(await post({ query }, { accept: 'image/png' })).toEqual({
      status: 406,
      contentType: 'application/json; charset=utf-8',
      errors: [given],
    });
    const status = await fetch(`${server.url}/graphql`, {
      method: 'POST',
      headers: signedIn,
      body: JSON.stringify({ query: '{ viewer { presence { customStatus { text } } } }' }),
    });
    expect(await status.json()).toEqual({ data: { viewer: { presence: { customStatus: null } } } });
  });

  test.each(['application/json', STRICT, 'image/png', 'multipart/mixed;subscriptionSpec="1.0", application/json'])(
    '406 for a subscription that is asked for as %s',
    async (accept) => {
      expect(await post({ query: 'subscription { viewer { id } }' }, { accept })).toMatchObject({
        status: 406,
        errors: ['BAD_USER_INPUT accept: A subscription can be given as text/event-stream, or over a WebSocket.'],
      });
    },
  );
});

describe('an upgrade to something else than WebSocket is declined by answering over HTTP/1.1', () => {
  /** All that comes back until the server closes. */
  const exchange = async (...chunks: string[]): Promise<string> => {
    const socket = connect(server.port, '127.0.0.1');
    let answer = '';
    socket.on('data', (data) => {
      answer += data.toString();
    });
    await once(socket, 'connect');
    for (const chunk of chunks) {
      // In pieces of their own, as a network may deliver them.
      await new Promise<void>((resolve, reject) => socket.write(chunk, (error) => (error ? reject(error) : resolve())));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await once(socket, 'close');
    return answer;
  };
  const head = (start: string, ...more: string[]): string =>
    [
      start,
      'Host: localhost',
      'Connection: Upgrade, HTTP2-Settings, close',
      'Upgrade: h2c',
      'HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA',
      ...more,
      '',
      '',
    ].join('\r\n');
  const body = JSON.stringify({ query: ME });
  const asAda = [
    'Authorization: Bearer ada',
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  const answered = '{"data":{"viewer":{"id":"ada"}}}';

  test('GET', async () => {
    const answer = await exchange(head('GET /healthz HTTP/1.1'));
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(answer).toMatch(/\r\n\r\nok\n$/);
  });

  test('POST, with its body in the same packet and behind it', async () => {
    for (const chunks of [
      [head('POST /graphql HTTP/1.1', ...asAda) + body],
      [head('POST /graphql HTTP/1.1', ...asAda), body],
      [head('POST /graphql HTTP/1.1', ...asAda) + body.slice(0, 5), body.slice(5)],
    ]) {
      const answer = await exchange(...chunks);
      expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
      expect(answer).toContain(answered);
    }
  });

  test('again and again on one connection', async () => {
    const socket = connect(server.port, '127.0.0.1');
    for (let turn = 0; turn < 3; turn++) {
      socket.write(head('POST /graphql HTTP/1.1', ...asAda).replace(', close', '') + body);
      const [answer] = (await once(socket, 'data')) as [Buffer];
      expect(answer.toString()).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    }
    socket.destroy();
  });
});

describe('the log does not grow with what one client sends', () => {
  test('a client that goes in the middle of its body', async () => {
    const start = [
      'POST /graphql HTTP/1.1',
      'Host: x',
      'Content-Type: application/json',
      'Content-Length: 100',
      '',
      '{',
    ];
    const socket = connect(server.port, '127.0.0.1');
    await new Promise<void>((resolve) => socket.write(start.join('\r\n'), () => resolve()));
    socket.resetAndDestroy();
    await once(socket, 'close');
    expect(await post({ query: ME })).toMatchObject({ status: 200 });
    expect(log).toEqual([]);
  });

  test.each(['next', 'error', 'connection_ack'])('%s from a client breaks the protocol: 4400', async (type) => {
    const socket = await RawSocket.greeted(server.url, 'ada');
    const payload = type === 'error' ? [{ message: 'x' }] : { data: {} };
    socket.say(type === 'connection_ack' ? { type } : { id: '1', type, payload });
    expect((await socket.closed()).code).toBe(4400);
    expect(log).toEqual([]);
  });
});
