import { createAdapter } from '@socket.io/redis-adapter';
import { Redis } from 'ioredis';
import { Server } from 'socket.io';
import { type Contestant, type Dialect, type Origin, type Place, userId } from './contestant.ts';
import { peer, SINCE, stateOf } from './peers.ts';
import { batches } from './seeding.ts';

const AT_ONCE = 1_000;
const WATCH_ID = 0;

/** Socket.IO's own protocol over engine.io's, which are a few characters before JSON. */
const dialect: Dialect = {
  protocol: null,
  path: () => '/socket.io/?EIO=4&transport=websocket',
  greeting: () => null,
  watch: () => [`42${WATCH_ID}["watch"]`],
  heartbeat: (_user, id) =>
    `42${id}${JSON.stringify(['heartbeat', { sessionId: 'tab', client: 'WEB', activity: 'ACTIVE' }])}`,
  idleHeartbeatMs: 30_000,
  hear: (text, speaker) => {
    const acknowledged = /^43(\d+)\[/.exec(text)?.[1];
    if (acknowledged !== undefined) speaker.answered(Number(acknowledged));
    else if (text === '2') speaker.say('3');
    else if (text.startsWith('0')) speaker.say(`40${JSON.stringify({ token: speaker.user })}`);
    else if (text.startsWith('40')) speaker.greeted();
    else speaker.failed(text);
  },
};

export const socketio: Contestant = {
  name: 'socketio',
  label: 'Socket.IO',
  ...peer('socketio'),
  redis: 'redis',
  dialect,
  ordered: false,
  http: null,
  env: ({ redisUrl }) => ({ REDIS_URL: redisUrl }),
  openOrigin,
};

/** A second Socket.IO server without clients: what it emits reaches the measured one through the adapter. */
async function openOrigin({ redisUrl }: Place): Promise<Origin> {
  const redis = new Redis(redisUrl, { enableAutoPipelining: true });
  const connections = [new Redis(redisUrl), new Redis(redisUrl)] as const;
  const io = new Server({ adapter: createAdapter(...connections), serveClient: false });
  return {
    seed: async (graph, online, mark, done) => {
      for (const pairs of batches(graph.pairs(), AT_ONCE)) {
        const pipeline = redis.pipeline();
        for (const [a, b] of pairs) {
          pipeline.sadd(`friends:${userId(a)}`, userId(b)).sadd(`friends:${userId(b)}`, userId(a));
        }
        await pipeline.exec();
      }
      for (const users of batches(Array(graph.users).keys(), AT_ONCE)) {
        const pipeline = redis.pipeline();
        for (const user of users) {
          const state = { ...stateOf(userId(user), mark(user), SINCE), status: online ? 'ONLINE' : 'OFFLINE' };
          pipeline.hset('presence', userId(user), JSON.stringify(state));
        }
        await pipeline.exec();
        done('users', (users.at(-1) ?? 0) + 1);
      }
    },
    attach: async () => {},
    // The adapter listened before the server did, and joining a room is done before its answer.
    whenWatched: async () => {},
    change: async (user, mark) => {
      const state = stateOf(userId(user), mark, SINCE);
      await redis.hset('presence', userId(user), JSON.stringify(state));
      io.to(`user:${userId(user)}`).emit('presence', state);
    },
    close: async () => {
      // There is no HTTP server that `io.close` could close: its connections are all that it holds.
      redis.disconnect();
      for (const connection of connections) connection.disconnect();
    },
  };
}
