import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { HEADERS_TIMEOUT_MS, MAX_IN_FLIGHT, REQUEST_TIMEOUT_MS } from '../../src/server/lines.ts';
import { answerWith, JwksServer, newSigner } from '../support/jwks-server.ts';
import { type ServerProcess, startInProcess, startProcess } from '../support/server.ts';
import { RawHttp } from './raw-http.ts';
import { RawSocket } from './raw-socket.ts';

let server: ServerProcess;
/** A good client, that is there all the time. */
let friend: RawSocket;
const open: RawHttp[] = [];

beforeAll(async () => {
  server = await startProcess();
});
afterAll(() => server?.stop());
beforeEach(async () => {
  friend = await RawSocket.greeted(server.url, 'ada');
});
afterEach(async () => {
  for (const raw of open.splice(0)) raw.destroy();
  friend.ask('end', '{ viewer { id } }');
  expect(await friend.hear('end')).toMatchObject({ payload: { data: { viewer: { id: 'ada' } } } });
  await friend.close();
  expect(server.output()).not.toMatch(/"level":(?:4|5|6)0/);
});

async function raw(): Promise<RawHttp> {
  const opened = await RawHttp.open(server.port);
  open.push(opened);
  return opened;
}

/** All that comes back for these bytes until the server closes. */
async function exchange(text: string): Promise<string> {
  const line = await raw();
  line.write(text);
  return line.ended();
}

const HEALTHZ = 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n';
const ME = JSON.stringify({ query: '{ viewer { id } }' });

/** The head of a POST that says so much of its body. */
function postHead(...more: string[]): string {
  const headers = ['Host: localhost', 'Authorization: Bearer ada', 'Content-Type: application/json', ...more];
  return `POST /graphql HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n`;
}

/** A request that is served among all that goes wrong. */
async function served(): Promise<void> {
  const line = await raw();
  line.write(postHead(`Content-Length: ${ME.length}`) + ME);
  expect(await line.answers(1)).toEqual([200]);
  line.destroy();
}

const PROTECTED = /x-content-type-options: nosniff[\s\S]*content-security-policy: default-src 'none'/i;

describe('what is no request', () => {
  test.each([
    ['nothing of HTTP', 'hello\r\n\r\n'],
    ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
    ['another version', 'GET / HTTP/9.9\r\nHost: x\r\n\r\n'],
    ['two lengths', postHead('Content-Length: 1', 'Content-Length: 2')],
    ['a length that is none', postHead('Content-Length: -1')],
    ['a length and parts', postHead('Content-Length: 4', 'Transfer-Encoding: chunked')],
    ['an unknown transfer', postHead('Transfer-Encoding: gzip')],
    ['parts without a length', `${postHead('Transfer-Encoding: chunked')}zz\r\n`],
    ['a header without a name', 'GET / HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n'],
    ['a folded header', 'GET / HTTP/1.1\r\nHost: x\r\n y\r\nA\0: y\r\n\r\n'],
    ['no host', 'GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n'],
  ])('rule 15.9: %s is answered with 400', async (_, text) => {
    const answer = await exchange(text);
    expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(answer).toMatch(PROTECTED);
    await served();
  });

  test('rule 15.9: a head that is too long is answered with 431', async () => {
    const answer = await exchange(`GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Long: ${'x'.repeat(17_000)}\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 431 /);
    expect(answer).toMatch(PROTECTED);
    await served();
  });

  test('rule 15.9: an expectation that is not met is answered with 417', async () => {
    const answer = await exchange(postHead('Expect: cake', 'Content-Length: 0', 'Connection: close'));
    expect(answer).toMatch(/^HTTP\/1\.1 417 /);
    expect(answer).toMatch(PROTECTED);
  });

  test('rule 15.9: what is wrong behind a request is not taken for its answer', async () => {
    const line = await raw();
    line.write(`${postHead(`Content-Length: ${ME.length}`)}${ME}hello\r\n\r\n`);
    const text = await line.ended();
    expect(text).not.toContain('400');
    await served();
  });
});

describe('bodies', () => {
  test('rule 15.9: one whose length says too much is answered with 413 before it comes', async () => {
    const line = await raw();
    line.write(postHead('Content-Length: 1048577'));
    expect(await line.answers(1)).toEqual([413]);
    expect(line.text).toMatch(PROTECTED);
    expect(line.text).toContain('BAD_USER_INPUT');
  });

  test('rule 15.9: one that says nothing of its length is answered with 413 as soon as it is too long', async () => {
    const line = await raw();
    line.write(postHead('Transfer-Encoding: chunked'));
    const part = `10000\r\n${'x'.repeat(65_536)}\r\n`;
    for (let sent = 0; sent <= 1_048_576; sent += 65_536) line.write(part);
    expect(await line.answers(1)).toEqual([413]);
    await served();
  });

  test('rule 15.9: one that goes on without end is cut off', async () => {
    for (const start of [
      postHead('Content-Length: 1000000000'),
      postHead('Transfer-Encoding: chunked'),
      'POST /healthz HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n',
    ]) {
      const line = await raw();
      line.write(start);
      const part = `100000\r\n${'x'.repeat(1_048_576)}\r\n`;
      for (let sent = 0; line.open && sent < 64; sent++) {
        line.write(part);
        await new Promise((resolve) => setImmediate(resolve));
      }
      await line.ended();
    }
    await served();
  });

  test('rule 15.9: the connection can be used again after a body that was refused', async () => {
    const line = await raw();
    line.write(postHead('Content-Length: 1048577'));
    await line.answers(1);
    line.write('x'.repeat(1_048_577) + HEALTHZ);
    expect(await line.answers(2)).toEqual([413, 200]);
  });
});

describe('who is slow', () => {
  test('rule 15.9: a head, a body or nothing at all that does not come is answered with 408', async () => {
    const lines = await Promise.all([raw(), raw(), raw(), raw()]);
    const [nothing, head, body, parts] = lines;
    head?.write('POST /graphql HTTP/1.1\r\nHost: localhost\r\nX-A: ');
    body?.write(`${postHead('Content-Length: 100')}{`);
    parts?.write(`${postHead('Transfer-Encoding: chunked')}1\r\n{\r\n`);
    // A byte now and then helps nobody.
    const trickling = setInterval(() => {
      head?.write('x');
      body?.write(' ');
      parts?.write('1\r\n \r\n');
    }, 500);
    try {
      for (const [line, ms] of [
        [nothing, HEADERS_TIMEOUT_MS],
        [head, HEADERS_TIMEOUT_MS],
        [body, REQUEST_TIMEOUT_MS],
        [parts, REQUEST_TIMEOUT_MS],
      ] as const) {
        const answer = await line?.ended(ms + 20_000);
        expect(answer).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n/);
        expect(answer).toMatch(PROTECTED);
        await served();
      }
    } finally {
      clearInterval(trickling);
    }
  });

  test('rule 15.9: many that never finish keep nobody out', async () => {
    const lines = await Promise.all(Array.from({ length: 500 }, raw));
    for (const [index, line] of lines.entries()) {
      line.write(index % 2 === 0 ? 'GET /healthz HTTP/1.1\r\nX: ' : `${postHead('Content-Length: 100')}{`);
    }
    await served();
    await served();
  });
});

describe('requests sent ahead', () => {
  test('rule 15.10: are answered in their order', async () => {
    const line = await raw();
    const asks = Array.from({ length: MAX_IN_FLIGHT }, (_, index) => {
      const body = JSON.stringify({ query: `{ viewer { a${index}: id } }` });
      return postHead(`Content-Length: ${body.length}`) + body;
    });
    line.write(asks.join(''));
    expect(new Set(await line.answers(MAX_IN_FLIGHT))).toEqual(new Set([200]));
    const order = [...line.text.matchAll(/"a(\d+)":"ada"/g)].map(([, index]) => Number(index));
    expect(order).toEqual(asks.map((_, index) => index));
  });

  test('rule 15.10: one too many is answered with 429 behind the others, and what follows is not looked at', async () => {
    // Nobody can be signed in before the keys have come, and they come when all has been sent.
    const signer = await newSigner('a');
    let release = (): void => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const keys = await JwksServer.start((response, request) => {
      void released.then(() => answerWith([signer.jwk])(response, request));
    });
    const waiting = await startInProcess({ JWKS_URL: keys.url });
    const line = await RawHttp.open(waiting.port);
    try {
      const token = await signer.sign({ sub: 'ada' });
      const ask = `GET /graphql?query={__typename} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\n\r\n`;
      line.write(ask.repeat(MAX_IN_FLIGHT + 50));
      // What came before it has been read.
      await fetch(`${waiting.url}/healthz`);
      release();
      expect(await line.ended()).toMatch(PROTECTED);
      expect(line.statuses).toEqual([...Array.from({ length: MAX_IN_FLIGHT }, () => 200), 429]);
      expect(line.text.match(/\{"data":\{"__typename":"Query"\}\}/g)).toHaveLength(MAX_IN_FLIGHT);
    } finally {
      line.destroy();
      await waiting.close();
      await keys.close();
    }
  });

  test('rule 15.10: who sends without end and reads nothing is stopped and closed', async () => {
    const line = await raw();
    line.pause();
    const sent = 1_000_000;
    line.write(HEALTHZ.repeat(sent));
    await served();
    // Closing while it still sends may cost it what it has not read yet, the 429 among that.
    line.resume();
    await line.ended();
    expect(line.statuses.length).toBeLessThan(sent / 100);
    await served();
  });
});
