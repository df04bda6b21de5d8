import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunningServer } from '../../src/server/server.ts';
import { startInProcess } from '../support/server.ts';
import { RawSocket } from './raw-socket.ts';

let server: RunningServer;

beforeAll(async () => {
  server = await startInProcess();
  await server.whenReady;
});
afterAll(() => server.close());

const HEAD = { 'content-type': 'application/json' };

async function ask(token: string, query: string): Promise<void> {
  const response = await fetch(`${server.url}/graphql`, {
    method: 'POST',
    headers: { ...HEAD, authorization: `Bearer ${token}` },
    body: JSON.stringify({ query }),
  });
  expect(await response.json()).not.toHaveProperty('errors');
}

/** What is told over SSE: the text of each result, as it came. */
async function* overSse(payload: object): AsyncGenerator<string, void, void> {
  const response = await fetch(`${server.url}/graphql`, {
    method: 'POST',
    headers: { ...HEAD, accept: 'text/event-stream', authorization: 'Bearer ada' },
    body: JSON.stringify(payload),
  });
  if (!response.body) throw new Error('An event stream has a body.');
  let text = '';
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    const events = text.split('\n\n');
    text = events.pop() ?? '';
    for (const event of events) if (event.startsWith('event: next')) yield event.split('\ndata: ')[1] ?? '';
  }
}

const DOCUMENTS = [
  {
    query: 'subscription { friendsPresence { reset changes { id presence { status customStatus { text emoji } } } } }',
  },
  {
    query: `
      subscription Friends($when: Boolean!) { roster: friendsPresence { ...Update gone: removed stale @skip(if: $when) } }
      fragment Update on RosterUpdate { __typename changes { __typename who: id ...Person } }
      fragment Person on User { isFriend presence { clients since lastActiveAt customStatus { says: text expiresAt } } }`,
    variables: { when: true },
  },
  {
    query: `
      subscription One { presence(userIds: ["bob"]) { changes { id } } }
      subscription Other($ids: [ID!]!) { presence(userIds: $ids) { changes { id presence { customStatus { emoji text } } } } }`,
    operationName: 'Other',
    variables: { ids: ['bob', 'nobody'] },
  },
];

test('rule 5.2: a roster stream says the same over WebSocket and over Server-Sent Events, to the byte', async () => {
  await ask(
    'admin:backend',
    'mutation { syncFriends(input: { userId: "ada", friendIds: ["bob", "zoë"] }) { __typename } }',
  );
  await ask('bob', 'mutation { setCustomStatus(input: { text: "é\\n", emoji: "🙂" }) { __typename } }');
  const socket = await RawSocket.greeted(server.url, 'ada');
  const streams = DOCUMENTS.map((payload, index) => {
    socket.say({ type: 'subscribe', id: String(index), payload });
    return overSse(payload);
  });
  const told = async (): Promise<void> => {
    const frames = new Map<string | undefined, unknown>();
    while (frames.size < DOCUMENTS.length) {
      const { id, type, payload } = await socket.hear();
      expect(type).toBe('next');
      frames.set(id, payload);
    }
    for (const [index, stream] of streams.entries()) {
      const { value } = await stream.next();
      expect(value).toBe(JSON.stringify(frames.get(String(index))));
      expect(value).toContain('bob');
    }
  };
  await told();
  await ask('bob', 'mutation { setCustomStatus(input: { text: "später", emoji: null }) { __typename } }');
  await told();
  socket.terminate();
  for (const stream of streams) await stream.return();
});
