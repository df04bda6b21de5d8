import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadConfig } from '../../src/config.ts';
import { Documents } from '../../src/graphql/documents.ts';
import { buildSchema } from '../../src/graphql/schema.ts';
import { UpdateWriters } from '../../src/graphql/update-writers.ts';
import { openSignIn } from '../../src/server/auth.ts';
import { openEngine } from '../../src/server/engine.ts';
import { createLimits } from '../../src/server/limits.ts';
import { createMetrics } from '../../src/server/metrics.ts';
import { createBrowserRules } from '../../src/server/origin.ts';
import { WebSocketEndpoint } from '../../src/server/websocket.ts';
import { createRollcall, type RunningRollcall } from '../../src/service/create.ts';
import { quiet } from '../support/quiet.ts';
import { RawSocket } from './raw-socket.ts';
import { openSlowLine, type SlowLine } from './slow-line.ts';

/** A slow line carries 30 kB/s, so a roster of 60 kB takes ten rounds. */
const KEEP_ALIVE_MS = 200;
const RATE = 30;
const BIG = 600;

const WATCH =
  'subscription { friendsPresence { reset changes { id presence { status since lastActiveAt clients } } } }';

let server: Server;
let service: RunningRollcall;
let line: SlowLine;
let closeServer: () => Promise<void>;

beforeEach(async () => {
  const config = loadConfig({});
  const engine = openEngine(config, quiet);
  service = await createRollcall({ ...engine, settings: config.service, log: quiet });
  const { clock } = engine.store;
  const schema = buildSchema();
  const websockets = new WebSocketEndpoint({
    schema,
    writers: new UpdateWriters(schema),
    documents: new Documents(schema),
    limits: createLimits(config.limits, clock),
    rollcall: service,
    clock,
    authenticate: openSignIn(config.auth, clock, quiet).authenticate,
    metrics: createMetrics(),
    report: () => {},
    draining: () => false,
    rules: createBrowserRules(config),
    log: quiet,
    keepAliveMs: KEEP_ALIVE_MS,
  });
  server = createServer().listen(0, '127.0.0.1');
  server.on('upgrade', (request, socket, head) => websockets.upgrade(request, socket, head));
  await once(server, 'listening');
  closeServer = async () => {
    server.close();
    await websockets.close();
    await service.close();
    await engine.close();
  };
});
afterEach(async () => {
  await line.close();
  await closeServer();
});

async function befriend(count: number): Promise<void> {
  const backend = { userId: 'backend', admin: true, connection: null };
  const friends = Array.from({ length: count }, (_, index) => `friend-${index}`);
  await service.syncFriends(backend, 'ada', friends);
}

async function connect(): Promise<RawSocket> {
  line = await openSlowLine((server.address() as AddressInfo).port, RATE);
  return RawSocket.greeted(line.url, 'ada');
}

test('rule 9.2: over a slow line a big roster takes many rounds of the keep-alive, and arrives whole', async () => {
  await befriend(BIG);
  const socket = await connect();
  socket.ask('1', WATCH);
  const { payload } = await socket.hear('1');
  const { changes } = (payload as { data: { friendsPresence: { changes: unknown[] } } }).data.friendsPresence;
  expect(changes.length).toBe(BIG);
  socket.ask('2', '{ viewer { id } }');
  expect(await socket.hear('2')).toMatchObject({ type: 'next', payload: { data: { viewer: { id: 'ada' } } } });
});

test('rule 9.2: what such a reader says meanwhile does not mean that it has read all', async () => {
  await befriend(BIG);
  const socket = await connect();
  socket.ask('1', WATCH);
  await line.passed(1_000);
  socket.ask('2', '{ viewer { id } }');
  expect(await socket.hear('1')).toMatchObject({ type: 'next' });
  expect(await socket.hear('2')).toMatchObject({ type: 'next' });
});

test('a socket over which nothing arrives is ended, however much was sent before', async () => {
  // 4 kB, for which a second more is allowed.
  await befriend(40);
  const socket = await connect();
  line.stall();
  socket.ask('1', WATCH);
  await line.closedByServer;
});
