import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RunningServer } from '../../src/server/server.ts';
import { startInProcess } from '../support/server.ts';
import { RawHttp } from './raw-http.ts';

let server: RunningServer;
beforeAll(async () => {
  server = await startInProcess();
  await server.whenReady;
});
afterAll(() => server.close());

const signedIn = { authorization: 'Bearer ada', 'content-type': 'application/json' };
const post = (query: string, headers: Record<string, string> = {}): RequestInit => ({
  method: 'POST',
  headers: { ...signedIn, ...headers },
  body: JSON.stringify({ query }),
});
const ME = '{ viewer { id } }';
const WATCH = 'subscription { viewer { id } }';
const EVENTS = { accept: 'text/event-stream' };

describe('every answer protects itself', () => {
  test.each<[what: string, status: number, path: string, init: RequestInit]>([
    ['a query', 200, '/graphql', post(ME)],
    ['a query of a page', 200, '/graphql', post(ME, { origin: 'http://localhost:1' })],
    ['a GET', 200, `/graphql?query=${encodeURIComponent(ME)}`, { headers: signedIn }],
    ['errors', 400, '/graphql', post('{', { accept: 'application/graphql-response+json' })],
    ['a stream', 200, '/graphql', post(WATCH, EVENTS)],
    ['a page of another origin', 403, '/graphql', post(ME, { origin: 'https://evil.example' })],
    ['a preflight', 204, '/graphql', { method: 'OPTIONS', headers: { origin: 'http://localhost:1' } }],
    ['another type', 415, '/graphql', post(ME, { 'content-type': 'text/plain' })],
    ['a body that is too long', 413, '/graphql', post(`{ viewer { id } } #${'x'.repeat(1_048_576)}`)],
    ['another method', 405, '/graphql', { method: 'DELETE' }],
    ['health', 200, '/healthz', {}],
    ['readiness', 200, '/readyz', {}],
    ['metrics', 200, '/metrics', {}],
    ['what is not there', 404, '/nowhere', {}],
    ['a redirection', 302, '/', { redirect: 'manual' }],
  ])('rule 15.8: %s', async (_, status, path, init) => {
    const { headers, body, ...response } = await fetch(`${server.url}${path}`, init).then((answer) => ({
      headers: answer.headers,
      status: answer.status,
      body: answer.body,
    }));
    expect(response.status).toBe(status);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('content-security-policy')).toBe("default-src 'none'; frame-ancestors 'none'");
    expect(headers.get('referrer-policy')).toBe('no-referrer');
    expect(headers.get('cross-origin-resource-policy')).toBe('same-origin');
    expect(headers.get('cache-control')).toMatch(/^no-store/);
    expect(headers.get('strict-transport-security')).toBeNull();
    await body?.cancel();
  });

  test.each([
    [404, '/nowhere', 'http://localhost:1'],
    [403, '/graphql', 'https://evil.example'],
  ])('rule 15.8: a WebSocket that is refused with %s', async (status, path, origin) => {
    const line = await RawHttp.open(server.port);
    const headers = [
      'Host: localhost',
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      `Origin: ${origin}`,
    ];
    line.write(`GET ${path} HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n`);
    const answer = await line.ended();
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(answer).toContain('\r\nx-content-type-options: nosniff\r\n');
    expect(answer).toContain("\r\ncontent-security-policy: default-src 'none'; frame-ancestors 'none'\r\n");
  });

  test('rule 15.6: GraphiQL runs its own code alone, is in no frame, and loads nothing from elsewhere', async () => {
    const { headers } = await fetch(`${server.url}/graphql`, { headers: { accept: 'text/html,*/*;q=0.8' } });
    const policy = new Map(
      (headers.get('content-security-policy') ?? '').split('; ').map((directive) => {
        const [name = '', ...sources] = directive.split(' ');
        return [name, sources.join(' ')];
      }),
    );
    expect(policy.get('default-src')).toBe("'none'");
    expect(policy.get('script-src')).toMatch(/^'sha256-[\w+/]{43}='$/);
    expect(policy.get('connect-src')).toBe("'self'");
    for (const name of ['base-uri', 'form-action', 'frame-ancestors']) expect(policy.get(name)).toBe("'none'");
    expect([...policy.values()].join(' ')).not.toMatch(/https?:|\*|unsafe-eval/);
    expect(headers.get('x-frame-options')).toBe('DENY');
    expect(headers.get('cross-origin-opener-policy')).toBe('same-origin');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('referrer-policy')).toBe('no-referrer');
  });

  test('GraphiQL signs in as somebody in development, as nobody else', async () => {
    const page = async (to: RunningServer): Promise<string> =>
      (await fetch(`${to.url}/graphql`, { headers: { accept: 'text/html' } })).text();
    expect(await page(server)).toContain('Bearer ada');
    const guarded = await startInProcess({ JWT_SECRET: 'thirty-two bytes at the very least' });
    try {
      const html = await page(guarded);
      expect(html).toContain('YogaGraphiQL.renderYogaGraphiQL(');
      expect(html).not.toContain('Bearer ada');
    } finally {
      await guarded.close();
    }
  });
});

describe('streams over HTTP', () => {
  test('rule 15.11: go through caches and proxies at once, say when to come back, and give a sign of life', async () => {
    const response = await fetch(`${server.url}/graphql`, post(WATCH, EVENTS));
    const { headers } = response;
    expect(headers.get('content-type')).toMatch(/^text\/event-stream/);
    expect(headers.get('cache-control')).toBe('no-store, no-transform');
    expect(headers.get('x-accel-buffering')).toBe('no');
    expect(headers.get('content-encoding')).toBeNull();
    const reader = response.body?.getReader();
    let text = '';
    // A comment behind the first event is the sign of life; nothing else happens.
    while (!/event: next\ndata: [^\n]*"ada"[^\n]*\n\n[\s\S]*?:\n\n/.test(text)) {
      const part = await reader?.read();
      if (!part || part.done) throw new Error(`The stream ended after ${text}`);
      text += new TextDecoder().decode(part.value);
    }
    await reader?.cancel();
    const retry = Number(/^retry: (\d+)\n\n/.exec(text)?.[1]);
    expect(retry).toBeGreaterThanOrEqual(1_000);
    expect(retry).toBeLessThanOrEqual(3_000);
  });
});
