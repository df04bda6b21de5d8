// Socket.IO with its Redis adapter: a room for each watched user, which everybody joins who has that friend.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdapter } from '@socket.io/redis-adapter';
import { Redis } from 'ioredis';
import { Server } from 'socket.io';

const LEASE_MS = 40_000;

interface Heartbeat {
  readonly sessionId: string;
  readonly client: string;
  readonly activity: string;
}

const url = process.env['REDIS_URL'] ?? '';
const redis = new Redis(url, { enableAutoPipelining: true });
const server = createServer();
const io = new Server(server, {
  // As clients do that name their transport: no polling first.
  transports: ['websocket'],
  serveClient: false,
  adapter: createAdapter(new Redis(url), new Redis(url)),
});

io.use((socket, next) => {
  const userId: unknown = socket.handshake.auth['token'];
  if (typeof userId !== 'string' || userId === '') return next(new Error('Sign in.'));
  socket.data = { userId };
  next();
});

io.on('connection', (socket) => {
  const { userId } = socket.data as { userId: string };

  socket.on('watch', (answer: (roster: unknown) => void) => {
    handle(async () => {
      const friends = await redis.smembers(`friends:${userId}`);
      await socket.join(friends.map((id) => `user:${id}`));
      const states = await Promise.all(friends.map((id) => redis.hget('presence', id)));
      answer(states.map((state) => (state === null ? null : (JSON.parse(state) as unknown))));
    });
  });

  socket.on('heartbeat', (beat: Heartbeat, answer: (session: unknown) => void) => {
    handle(async () => {
      const now = Date.now();
      const lastActiveAt = new Date(now).toISOString();
      const expiresAt = new Date(now + LEASE_MS).toISOString();
      const session = { ...beat, lastActiveAt, expiresAt };
      const key = `session:${userId}:${beat.sessionId}`;
      const before = await redis.set(key, JSON.stringify(session), 'PX', LEASE_MS, 'GET');
      if (before === null) await cameOnline(userId, beat.client, lastActiveAt);
      answer({ session, nextHeartbeatMs: 30_000 });
    });
  });
});

async function cameOnline(id: string, client: string, at: string): Promise<void> {
  const before = await redis.hget('presence', id);
  // Only this server and its like write there.
  const kept = before === null ? { id, customStatus: null } : (JSON.parse(before) as object);
  const state = { ...kept, status: 'ONLINE', since: at, lastActiveAt: at, clients: [client] };
  await redis.hset('presence', id, JSON.stringify(state));
  io.to(`user:${id}`).emit('presence', state);
}

function handle(act: () => Promise<void>): void {
  act().catch((error: unknown) => {
    console.error(error);
    process.exit(1);
  });
}

server.listen(0, '127.0.0.1', () => {
  console.log(`listening at http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
});
process.once('SIGTERM', () => process.exit(0));
