import { once } from 'node:events';
import type { Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadConfig } from '../../src/config.ts';
import { Documents } from '../../src/graphql/documents.ts';
import { buildSchema } from '../../src/graphql/schema.ts';
import { UpdateWriters } from '../../src/graphql/update-writers.ts';
import type { PresenceRecord } from '../../src/presence/record.ts';
import type { RosterOptions, UpdateFeed } from '../../src/roster/update.ts';
import { openSignIn } from '../../src/server/auth.ts';
import { openEngine } from '../../src/server/engine.ts';
import { createGraphQLOverHttp } from '../../src/server/graphql-over-http.ts';
import { createHttpServer } from '../../src/server/http.ts';
import { createLimits } from '../../src/server/limits.ts';
import { createMetrics } from '../../src/server/metrics.ts';
import { createBrowserRules } from '../../src/server/origin.ts';
import { Streams } from '../../src/server/streams.ts';
import { WebSocketEndpoint } from '../../src/server/websocket.ts';
import { createRollcall } from '../../src/service/create.ts';
import { quiet } from '../support/quiet.ts';
import { RawSocket } from './raw-socket.ts';

const KEEP_ALIVE_MS = 300;
const INIT_WAIT_MS = 500;
const ROSTER = 'subscription { friendsPresence { changes { id } } }';
const WATCH = JSON.stringify({ query: 'subscription { viewer { customStatus: presence { customStatus { text } } } }' });

let server: Server;
let port: number;
let close: () => Promise<void>;
/** The service's streams that are open now, and how many of their records have been taken. */
let watching: number;
let taken: number;
/** What was unexpected, as the log is told of it. */
let reported: unknown[];
/** The roster streams of the service, and what changes them. */
let rosters: UpdateFeed[];
let befriend: (...friends: string[]) => Promise<unknown>;
let setText: (text: string) => Promise<PresenceRecord>;

/** The parts of the server over a real service, whose streams of records are counted on their way. */
beforeEach(async () => {
  watching = 0;
  taken = 0;
  reported = [];
  rosters = [];
  const config = loadConfig({});
  const engine = openEngine(config, quiet);
  const service = await createRollcall({ ...engine, settings: config.service, log: quiet });
  const rollcall = {
    ...service,
    explain: (): never => {
      throw new Error('the password of the store is hunter2');
    },
    watchRoster: async (viewer: string, options: RosterOptions): Promise<UpdateFeed> => {
      const feed = await service.watchRoster(viewer, options);
      rosters.push(feed);
      return feed;
    },
    watchViewer: async (viewer: string): Promise<AsyncIterableIterator<PresenceRecord>> => {
      const source = await service.watchViewer(viewer);
      watching++;
      const counted: AsyncIterableIterator<PresenceRecord> = {
        next: async () => {
          const next = await source.next();
          taken++;
          return next;
        },
        return: async () => {
          watching--;
          return (await source.return?.()) ?? { value: undefined, done: true };
        },
        [Symbol.asyncIterator]: () => counted,
      };
      return counted;
    },
  };
  befriend = (...friends) => service.syncFriends({ userId: 'backend', admin: true, connection: null }, 'ada', friends);
  setText = (text) =>
    service.setCustomStatus({ userId: 'ada', admin: false, connection: null }, { text, emoji: null, expiresAt: null });
  const schema = buildSchema();
  const documents = new Documents(schema);
  const metrics = createMetrics();
  const { clock } = engine.store;
  const authenticate = openSignIn(config.auth, clock, quiet).authenticate;
  const report = (error: unknown): void => void reported.push(error);
  const writers = new UpdateWriters(schema);
  const limits = createLimits(config.limits, clock);
  const streams = new Streams(clock, metrics, limits);
  const graphql = createGraphQLOverHttp({
    schema,
    documents,
    limits,
    rollcall,
    authenticate,
    metrics,
    report,
    streams,
    writers,
  });
  const draining = (): boolean => false;
  server = createHttpServer({
    graphql,
    page: null,
    rules: createBrowserRules(config),
    maxBodyBytes: config.limits.messageBytes,
    metrics,
    notReady: () => null,
    draining,
    dev: true,
    log: quiet,
  });
  const websockets = new WebSocketEndpoint({
    schema,
    writers,
    documents,
    limits,
    rollcall,
    clock,
    authenticate,
    metrics,
    report,
    draining,
    rules: createBrowserRules(config),
    log: quiet,
    keepAliveMs: KEEP_ALIVE_MS,
    initWaitMs: INIT_WAIT_MS,
  });
  server.on('upgrade', (request, socket, head) => websockets.upgrade(request, socket, head));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
  close = async () => {
    server.closeAllConnections();
    server.close();
    await websockets.close();
    await service.close();
    await engine.close();
  };
});
afterEach(() => close());

/** Rejects when it does not come to that within ten seconds. */
async function until(what: string, holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`not ${what} within 10 s`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function dial(...lines: string[]): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.write([...lines, '', ''].join('\r\n'));
  return socket;
}

async function watchOverSse(): Promise<Socket> {
  const socket = await dial(
    'POST /graphql HTTP/1.1',
    'Host: localhost',
    'Authorization: Bearer ada',
    'Accept: text/event-stream',
    'Content-Type: application/json',
    `Content-Length: ${WATCH.length}`,
  );
  socket.write(WATCH);
  return socket;
}

test('SSE: a client that goes away leaves nothing open', async () => {
  const socket = await watchOverSse();
  await once(socket, 'data');
  await until('watching', () => watching === 1);
  socket.destroy();
  await until('let go of', () => watching === 0);
});

test('rule 9: SSE: a client that does not read stops taking records, and can still go away', async () => {
  const change = async (times: number): Promise<number> => {
    const before = taken;
    for (let index = 0; index < times; index++) {
      await setText(`${'x'.repeat(270)}${index}`);
      // A turn of the loop, for the stream to move on.
      await new Promise((resolve) => setImmediate(resolve));
    }
    return taken - before;
  };
  const socket = await watchOverSse();
  await once(socket, 'data');
  await until('watching', () => watching === 1);
  socket.resume();
  expect(await change(1_000)).toBeGreaterThan(500);

  socket.pause();
  // More than the sockets between us hold; of the last ones nothing is taken any more.
  await change(30_000);
  expect(await change(1_000)).toBe(0);
  socket.destroy();
  await until('let go of', () => watching === 0);
});

test('WebSocket: a socket from which nothing comes any more is ended, and what it watched is let go of', async () => {
  const socket = await dial(
    'GET /graphql HTTP/1.1',
    'Host: localhost',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Protocol: graphql-transport-ws',
  );
  await once(socket, 'data');
  const subscribe = JSON.stringify({ id: '1', type: 'subscribe', payload: JSON.parse(WATCH) });
  socket.write(frame('{"type":"connection_init","payload":{"authorization":"ada"}}'));
  await once(socket, 'data');
  socket.write(frame(subscribe));
  await until('watching', () => watching === 1);
  // From now on it answers nothing, pings included.
  await once(socket.resume(), 'close');
  await until('let go of', () => watching === 0);
});

test('rule 9.4: WebSocket: who asks without end and reads none of the answers is cut off', async () => {
  const socket = await dial(
    'GET /graphql HTTP/1.1',
    'Host: localhost',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Protocol: graphql-transport-ws',
  );
  await once(socket, 'data');
  socket.pause();
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => resolve());
  });
  const ping = frame(JSON.stringify({ type: 'ping', payload: { text: 'x'.repeat(60_000) } }));
  // 60 MB, each of which would wait here for a reader.
  for (let sent = 0; sent < 1_000 && !socket.destroyed; sent++) {
    if (socket.write(ping)) continue;
    const drained = new Promise<void>((resolve) => {
      socket.once('drain', resolve);
    });
    await Promise.race([drained, closed]);
  }
  await closed;
});

test('WebSocket: an id that is used again before its first use has begun leaves nothing open', async () => {
  const socket = await dial(
    'GET /graphql HTTP/1.1',
    'Host: localhost',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Protocol: graphql-transport-ws',
  );
  await once(socket, 'data');
  socket.write(frame('{"type":"connection_init","payload":{"authorization":"ada"}}'));
  await once(socket, 'data');
  const subscribe = JSON.stringify({
    id: '1',
    type: 'subscribe',
    payload: { query: 'subscription { friendsPresence { cursor } }' },
  });
  const complete = '{"id":"1","type":"complete"}';
  socket.write(Buffer.concat([frame(subscribe), frame(complete), frame(subscribe)]));
  await until('both begun', () => rosters.length === 2);
  socket.destroy();
  await until('let go of', () => rosters.every(({ ended }) => ended));
});

test('what fails unexpectedly is masked, told to the log, and ends nothing else', async () => {
  const query = '{ viewer { id explanation { reason } } }';
  const masked = { message: 'Internal server error', extensions: { code: 'INTERNAL_SERVER_ERROR' } };
  const response = await fetch(`http://127.0.0.1:${port}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer ada' },
    body: JSON.stringify({ query }),
  });
  expect(await response.json()).toMatchObject({ errors: [masked] });

  const socket = await RawSocket.greeted(`http://127.0.0.1:${port}`, 'ada');
  socket.ask('1', query);
  expect(await socket.hear('1')).toMatchObject({ type: 'next', payload: { errors: [masked] } });
  expect(await socket.hear('1')).toEqual({ id: '1', type: 'complete' });
  socket.ask('2', '{ viewer { id } }');
  expect(await socket.hear('2')).toMatchObject({ payload: { data: { viewer: { id: 'ada' } } } });
  await socket.close();
  expect(reported.map(String)).toEqual(Array(2).fill(expect.stringContaining('hunter2')));
});

test('WebSocket: a roster stream that the service ends is completed, and its id can be used again', async () => {
  await befriend('bob');
  const socket = await RawSocket.greeted(`http://127.0.0.1:${port}`, 'ada');
  for (const round of [0, 1]) {
    socket.ask('1', ROSTER);
    const { payload } = await socket.hear('1');
    expect(payload).toEqual({ data: { friendsPresence: { changes: [{ id: 'bob' }] } } });
    await rosters[round]?.return?.();
    expect(await socket.hear('1')).toEqual({ id: '1', type: 'complete' });
  }
  await socket.close();
});

test('WebSocket: a roster stream that its client completes gives nothing more, and its id can be used again', async () => {
  await befriend('bob');
  const socket = await RawSocket.greeted(`http://127.0.0.1:${port}`, 'ada');
  socket.ask('1', ROSTER);
  await socket.hear('1');
  socket.say({ id: '1', type: 'complete' });
  await until('ended', () => rosters[0]?.ended === true);
  await befriend('bob', 'cy');
  socket.ask('1', ROSTER);
  const { payload } = await socket.hear('1');
  expect(payload).toEqual({ data: { friendsPresence: { changes: [{ id: 'bob' }, { id: 'cy' }] } } });
  await socket.close();
  await until('let go of', () => rosters[1]?.ended === true);
});

test('WebSocket: a roster stream that fails says so, masked, is let go of, and ends nothing else', async () => {
  await befriend('bob');
  const socket = await RawSocket.greeted(`http://127.0.0.1:${port}`, 'ada');
  socket.ask('1', ROSTER);
  await socket.hear('1');
  const [feed] = rosters;
  if (!feed) throw new Error('there is no stream');
  feed.take = () => {
    throw new Error('the password of the store is hunter2');
  };
  await befriend('bob', 'cy');
  const masked = { message: 'Internal server error', extensions: { code: 'INTERNAL_SERVER_ERROR' } };
  expect(await socket.hear('1')).toEqual({ id: '1', type: 'error', payload: [masked] });
  await until('let go of', () => feed.ended);
  socket.ask('1', '{ viewer { id } }');
  expect(await socket.hear('1')).toMatchObject({ payload: { data: { viewer: { id: 'ada' } } } });
  expect(reported.map(String)).toEqual([expect.stringContaining('hunter2')]);
  await socket.close();
});

test('WebSocket: who opens a socket and never says connection_init is closed with 4408', async () => {
  const silent = await RawSocket.open(`http://127.0.0.1:${port}`);
  const greeted = await RawSocket.greeted(`http://127.0.0.1:${port}`, 'ada');
  expect((await silent.closed()).code).toBe(4408);
  greeted.ask('1', '{ viewer { id } }');
  expect(await greeted.hear('1')).toMatchObject({ payload: { data: { viewer: { id: 'ada' } } } });
  await greeted.close();
});

/** A text frame as a client sends it, with a mask of zeros. */
function frame(text: string): Buffer {
  const payload = Buffer.from(text);
  const length =
    payload.length < 126 ? [0x80 | payload.length] : [0x80 | 126, payload.length >> 8, payload.length & 255];
  return Buffer.concat([Buffer.from([0x81, ...length, 0, 0, 0, 0]), payload]);
}
