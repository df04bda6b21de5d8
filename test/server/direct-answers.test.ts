import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { RunningServer } from '../../src/server/server.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { startInProcess } from '../support/server.ts';
import { type Message, RawSocket } from './raw-socket.ts';

const BEAT = `mutation ($input: HeartbeatInput!) {
  heartbeat(input: $input) { session { id client activity } viewer { id presence { status } } }
}`;
const input = { sessionId: 'tab', client: 'WEB' };
/** Longer than any test waits: `freed` ends it. */
const PAUSE_MS = 60_000;

let redis: RedisServer;
let server: RunningServer;
let operator: Redis;
const sockets: RawSocket[] = [];

beforeAll(async () => {
  redis = await startRedis();
  operator = new Redis(redis.url);
  server = await startInProcess({ REDIS_URL: redis.url });
  await server.whenReady;
  // From here on the document is known, and the user has a record that the node remembers.
  const socket = await greeted('ada');
  socket.ask('first', BEAT, { input });
  expect(await socket.hear('first')).toMatchObject({ type: 'next' });
});
afterEach(async () => {
  await freed();
  for (const socket of sockets.splice(0)) socket.terminate();
});
afterAll(async () => {
  await server.close();
  operator.disconnect();
  await redis.stop();
});

async function greeted(user: string): Promise<RawSocket> {
  const socket = await RawSocket.greeted(server.url, user);
  sockets.push(socket);
  return socket;
}

/** No write is answered until `freed`. */
const held = () => operator.call('CLIENT', 'PAUSE', PAUSE_MS, 'WRITE');
const freed = () => operator.call('CLIENT', 'UNPAUSE');

async function answerTo(socket: RawSocket, id: string): Promise<[Message, Message]> {
  return [await socket.hear(id), await socket.hear(id)];
}

const ANSWER = {
  data: {
    heartbeat: {
      session: { id: 'tab', client: 'WEB', activity: 'ACTIVE' },
      viewer: { id: 'ada', presence: { status: 'ONLINE' } },
    },
  },
};

test('an answer and its end come in this order, whatever the id', async () => {
  const socket = await greeted('ada');
  for (const id of ['1', 'é"\\🙂', '__proto__', 'constructor', 'x'.repeat(300)]) {
    socket.ask(id, BEAT, { input });
    expect(await answerTo(socket, id)).toEqual([
      { id, type: 'next', payload: ANSWER },
      { id, type: 'complete' },
    ]);
    // It may be used again.
    socket.ask(id, BEAT, { input });
    expect((await answerTo(socket, id)).map(({ type }) => type)).toEqual(['next', 'complete']);
  }
});

test.each([
  ['a wrong value', { input: { ...input, client: 'PHONE' } }, 'BAD_USER_INPUT'],
  ['a wrong field', { input: { ...input, shoeSize: 1 } }, 'BAD_USER_INPUT'],
  ['no value', {}, 'BAD_USER_INPUT'],
  ['what the service refuses', { input: { sessionId: '' } }, 'BAD_USER_INPUT'],
])('%s is told as it is of a document that has not been read before', async (_, variables, code) => {
  const socket = await greeted('ada');
  const query = `${BEAT} # ${JSON.stringify(variables)}`;
  socket.ask('1', query, variables);
  const first = await answerTo(socket, '1');
  expect(first[0]).toMatchObject({ type: 'next', payload: { errors: [{ extensions: { code } }] } });
  socket.ask('1', query, variables);
  expect(await answerTo(socket, '1')).toEqual(first);
});

test('4401 before connection_init, for a document that is known too', async () => {
  const socket = await RawSocket.open(server.url);
  sockets.push(socket);
  socket.ask('1', BEAT, { input });
  expect((await socket.closed()).code).toBe(4401);
});

test('4409 for the id of a mutation that is under way', async () => {
  const socket = await greeted('ada');
  await held();
  socket.ask('1', BEAT, { input });
  socket.ask('1', BEAT, { input });
  expect(await socket.closed()).toEqual({ code: 4409, reason: 'Subscriber for 1 already exists' });
});

test('who completes a mutation that is under way is told nothing more of it', async () => {
  const socket = await greeted('ada');
  await held();
  socket.ask('given up', BEAT, { input });
  socket.say({ id: 'given up', type: 'complete' });
  socket.ask('kept', BEAT, { input });
  socket.say({ type: 'ping' });
  expect(await socket.hear()).toEqual({ type: 'pong' });
  await freed();
  expect(await socket.hear()).toEqual({ id: 'kept', type: 'next', payload: ANSWER });
  expect(await socket.hear()).toEqual({ id: 'kept', type: 'complete' });
});

test('100 mutations may be under way on one socket; one more is LIMIT_EXCEEDED, and the others are answered', async () => {
  const socket = await greeted('ada');
  await held();
  for (let index = 0; index < 100; index++) socket.ask(`${index}`, BEAT, { input });
  socket.ask('one more', BEAT, { input });
  expect(await socket.hear()).toMatchObject({
    id: 'one more',
    type: 'error',
    payload: [{ extensions: { code: 'LIMIT_EXCEEDED' } }],
  });
  await freed();
  for (let index = 0; index < 100; index++) {
    expect((await answerTo(socket, `${index}`)).map(({ type }) => type)).toEqual(['next', 'complete']);
  }
});

test('a socket that closes meanwhile takes no other with it', async () => {
  const [gone, stays] = [await greeted('ada'), await greeted('ada')];
  await held();
  gone.ask('1', BEAT, { input });
  stays.ask('1', BEAT, { input });
  await gone.close();
  await freed();
  expect((await answerTo(stays, '1')).map(({ type }) => type)).toEqual(['next', 'complete']);
});
