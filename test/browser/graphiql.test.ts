import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunningServer } from '../../src/server/server.ts';
import { openBrowser } from '../support/browser.ts';
import { startInProcess } from '../support/server.ts';

let browser: Browser;
let server: RunningServer;
let production: RunningServer;
beforeAll(async () => {
  const settings = {
    NODE_ENV: 'production',
    JWT_SECRET: 'thirty-two bytes at the very least',
    INTROSPECTION: 'on',
  };
  [browser, server, production] = await Promise.all([openBrowser(), startInProcess(), startInProcess(settings)]);
  await server.whenReady;
});
afterAll(async () => {
  await Promise.all([browser?.close(), server?.close(), production?.close()]);
});

interface Opened {
  readonly page: Page;
  /** What the browser complained of, breaches of the page's policy among it. */
  readonly complaints: string[];
  /** Where the page has sent requests to, but for what is in the page itself. */
  readonly asked: Set<string>;
}

/** GraphiQL, as soon as it has read the schema. */
async function open(url: string): Promise<Opened> {
  const page = await browser.newPage();
  const complaints: string[] = [];
  const asked = new Set<string>();
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => {
    if (!/^(?:blob|data):/.test(request.url())) asked.add(new URL(request.url()).origin);
  });
  const schema = page.waitForResponse((response) => response.request().method() === 'POST' && response.ok());
  await page.goto(`${url}/graphql`);
  expect(await (await schema).text()).toContain('friendsPresence');
  await page.locator('.graphiql-execute-button').waitFor();
  return { page, complaints, asked };
}

/** Resolves when the result holds that text; rejects with what it holds else. */
async function shown(page: Page, text: string): Promise<void> {
  const result = page.locator('.result-window');
  await result
    .filter({ hasText: text })
    .waitFor({ timeout: 30_000 })
    .catch(async () => {
      throw new Error(`no ${text} in ${await result.innerText()}`);
    });
}

/** Presses the button until the operation of that name is sent: just after a change of tabs it may still be the one before. */
async function run(page: Page, operation: string): Promise<void> {
  for (let attempt = 0; attempt < 5; attempt++) {
    const sent = page.waitForRequest((request) => `${request.url()}${request.postData()}`.includes(operation), {
      timeout: 5_000,
    });
    const [, seen] = await Promise.all([
      page.locator('.graphiql-execute-button').click(),
      sent.then(
        () => true,
        () => false,
      ),
    ]);
    if (seen) return;
  }
  throw new Error(`${operation} was never sent`);
}

async function as(user: string, query: string): Promise<void> {
  const response = await fetch(`${server.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${user}` },
    body: JSON.stringify({ query }),
  });
  expect(await response.json()).not.toHaveProperty('errors');
}

const befriend = (user: string): string => `mutation { addFriend(input: { userId: "${user}" }) { user { id } } }`;

test('rule 15.6: GraphiQL runs an operation and shows a live subscription, under its policy and with nothing from elsewhere', async () => {
  const { page, complaints, asked } = await open(server.url);
  await run(page, 'ComeOnline');
  await shown(page, 'nextHeartbeatMs');

  await as('ada', befriend('bob'));
  await as('bob', befriend('ada'));
  await page.getByRole('tab', { name: 'WatchFriends' }).click();
  await page.getByRole('tab', { name: 'WatchFriends', selected: true }).waitFor();
  await page.locator('.graphiql-query-editor', { hasText: 'friendsPresence' }).waitFor();
  await run(page, 'WatchFriends');
  await shown(page, 'OFFLINE');
  await as('bob', 'mutation { heartbeat(input: { sessionId: "s", client: MOBILE }) { nextHeartbeatMs } }');
  await shown(page, 'MOBILE');

  expect(complaints).toEqual([]);
  expect([...asked]).toEqual([server.url]);
  await page.close();
});

test('rule 15.6: what gets into the page from outside does not run and is not sent away', async () => {
  const { page, complaints } = await open(server.url);
  const ran = await page.evaluate(async () => {
    const marks = window as unknown as Record<string, unknown>;
    const script = document.createElement('script');
    script.textContent = 'window.byElement = true';
    document.body.append(script);
    const button = document.createElement('button');
    button.setAttribute('onclick', 'window.byAttribute = true');
    document.body.append(button);
    button.click();
    const sent = await fetch('http://127.0.0.1:9/', { mode: 'no-cors' }).then(
      () => 'sent',
      () => 'not sent',
    );
    return [marks['byElement'], marks['byAttribute'], sent];
  });
  expect(ran).toEqual([undefined, undefined, 'not sent']);
  expect(complaints.filter((text) => text.includes('Content Security Policy')).length).toBeGreaterThanOrEqual(3);
  await page.close();
});

test('rule 15.6: the same page in production, where it is asked for', async () => {
  const { page, complaints, asked } = await open(production.url);
  expect(complaints).toEqual([]);
  expect([...asked]).toEqual([production.url]);
  await page.close();
});

test('rule 15.6: no page shows it in a frame', async () => {
  const page = await browser.newPage();
  const refused = new Promise<string>((resolve) => {
    page.on('console', (message) => {
      if (message.text().includes('frame-ancestors')) resolve(message.text());
    });
  });
  await page.goto(`${server.url}/healthz`);
  await page.route('**/framing', (route) =>
    route.fulfill({ contentType: 'text/html', body: '<iframe src="/graphql"></iframe>' }),
  );
  await page.goto(`${server.url}/framing`);
  expect(await refused).toContain('frame');
  await page.close();
});
