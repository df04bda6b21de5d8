import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunningServer } from '../../src/server/server.ts';
import { openBrowser } from '../support/browser.ts';
import { freePort } from '../support/port.ts';
import { startInProcess } from '../support/server.ts';

/** The names lead to this machine, as an attacker's may. */
const NAMES = ['app.example', 'evil.example'];

let browser: Browser;
let server: RunningServer;
let dev: RunningServer;
let port: number;
beforeAll(async () => {
  port = await freePort();
  const rules = NAMES.map((name) => `MAP ${name} 127.0.0.1`).join(',');
  [browser, server, dev] = await Promise.all([
    // Newer browsers have a defence of their own against pages that ask this machine: it is ours that is looked at.
    openBrowser([`--host-resolver-rules=${rules}`, '--disable-features=LocalNetworkAccessChecks']),
    startInProcess({ ALLOWED_ORIGINS: `http://app.example:${port}` }),
    startInProcess(),
  ]);
  await Promise.all([server.whenReady, dev.whenReady]);
});
afterAll(async () => {
  await Promise.all([browser?.close(), server?.close(), dev?.close()]);
});

/** A page of that origin, without a server behind it: all else goes over the network. */
async function pageOf(origin: string): Promise<Page> {
  const page = await browser.newPage();
  await page.route(`${origin}/page`, (route) => route.fulfill({ contentType: 'text/html', body: '<p>A page</p>' }));
  await page.goto(`${origin}/page`);
  // While anything is routed preflights are answered for us.
  await page.unroute(`${origin}/page`);
  return page;
}

/** What a page is told: by a POST, a stream's first event, and a WebSocket. */
async function told(page: Page, url: string): Promise<readonly string[]> {
  const answers = await page.evaluate(async (target) => {
    const headers = { 'content-type': 'application/json', authorization: 'Bearer ada' };
    const refused = (): string => 'refused';
    const posted = await fetch(`${target}/graphql`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ query: '{ viewer { id } }' }),
    }).then((response) => response.text(), refused);
    const streamed = await fetch(`${target}/graphql`, {
      method: 'POST',
      headers: { ...headers, accept: 'text/event-stream' },
      body: JSON.stringify({ query: 'subscription { viewer { id } }' }),
    }).then(async (response) => {
      const reader = response.body?.getReader();
      let text = '';
      for (;;) {
        const part = await reader?.read();
        if (!part || part.done) return text;
        text += new TextDecoder().decode(part.value);
        if (text.includes('"ada"')) return text;
      }
    }, refused);
    const socket = await new Promise<string>((resolve) => {
      const opening = new WebSocket(`${target.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
      opening.onopen = () => resolve('opened');
      opening.onerror = () => resolve('refused');
    });
    return [posted, streamed, socket];
  }, url);
  await page.close();
  return answers;
}

const REFUSED = ['refused', 'refused', 'refused'];

test('rule 15.1: a page of an allowed origin is answered in every way', async () => {
  const [posted, streamed, socket] = await told(await pageOf(`http://app.example:${port}`), server.url);
  expect(posted).toBe('{"data":{"viewer":{"id":"ada"}}}');
  expect(streamed).toContain('data: {"data":{"viewer":{"id":"ada"}}}');
  expect(socket).toBe('opened');
});

test('rule 15.1: a page of another origin is answered in none, nor is a sandboxed one', async () => {
  expect(await told(await pageOf(`http://evil.example:${port}`), server.url)).toEqual(REFUSED);
  expect(await told(await pageOf(`http://app.example:${port + 1}`), server.url)).toEqual(REFUSED);
  // Its origin is null.
  const page = await browser.newPage();
  await page.goto('data:text/html,<p>A page</p>');
  expect(await told(page, server.url)).toEqual(REFUSED);
});

test('rule 15.3: a name that has been made to lead here is no way in', async () => {
  const origin = `http://evil.example:${new URL(dev.url).port}`;
  const page = await pageOf(origin);
  const misdirected = await page.evaluate(async () => {
    const headers = { 'content-type': 'application/json', authorization: 'Bearer admin:ada' };
    const posted = await fetch('/graphql', { method: 'POST', headers, body: '{"query":"{ viewer { id } }"}' });
    const got = await fetch('/graphql?query={viewer{id}}', { headers });
    const metrics = await fetch('/metrics');
    const socket = await new Promise<string>((resolve) => {
      const opening = new WebSocket(`ws://${location.host}/graphql`, 'graphql-transport-ws');
      opening.onopen = () => resolve('opened');
      opening.onerror = () => resolve('refused');
    });
    return [posted.status, got.status, metrics.status, socket];
  });
  expect(misdirected).toEqual([421, 421, 421, 'refused']);
  await page.close();
});
