import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Redis } from 'ioredis';
import { DEFAULT_PARTITIONS, Partitions } from '../../src/redis/partitions.ts';
import { startRedis } from '../../test/support/redis.ts';
import { evenGraph } from '../crowd/graph.ts';
import { cpuOf } from '../measure/cpu.ts';
import { paced } from './load.ts';
import type { Workload } from './workload.ts';

/** Ids as long as most products have them, for what Redis stores and sends depends on it. */
const uuid = (user: number): string => `6f1c2a9e-4b7d-4c3a-9f00-${String(user).padStart(12, '0')}`;
/** Changes of all users together, a second: few enough that hardly two go out in one call, as where many nodes commit. */
const RATE = 1_000;
/** How many more listeners there are the second time. */
const LISTENERS = 8;

const partitions = new Partitions(DEFAULT_PARTITIONS);

/** Costs that docs/capacity.md is computed from; nobody is connected. */
export const redisUnits: Workload = {
  name: 'redis',
  title: 'What Redis has to carry',
  about:
    `Users with UUIDs for ids change ${RATE} times a second in all, first with nobody listening, then with ${LISTENERS} connections that ` +
    'listen to all partitions as nodes do. Memory is that of Redis before and after friendships and users were written.',
  columns: [
    { key: 'commit', label: 'CPU of Redis a change', unit: 'µs' },
    { key: 'listener', label: 'CPU of Redis a change and node that listens', unit: 'µs' },
    { key: 'bytes', label: 'bytes a change and node', unit: '' },
    { key: 'command', label: 'CPU of Redis a small command', unit: 'µs' },
    { key: 'user', label: 'memory a user', unit: 'bytes' },
    { key: 'friendship', label: 'memory a friendship', unit: 'bytes' },
  ],
  seconds: 25,
  leavesOut: ({ name }) => (name === 'rollcall' ? null : 'this is about Rollcall'),
  run: async (contestant, { viewers, friends, seconds }) => {
    const server = await startRedis();
    const redis = new Redis(server.url);
    const listeners: Listener[] = [];
    const origin = await contestant.openOrigin({ redisUrl: server.url, friendsFile: '', idOf: uuid });
    try {
      const graph = evenGraph(viewers, friends);
      const memory = async (): Promise<number> => Number(/^used_memory:(\d+)/m.exec(await redis.info('memory'))?.[1]);
      const without = await memory();
      const mark = (user: number): string => `~${user + 1}~`;
      // Each of them is online by a session that is bound to a connection.
      await origin.seed(evenGraph(viewers, 2), true, mark, () => {});
      const sparse = await memory();
      await origin.seed(graph, true, mark, () => {});
      const full = await memory();
      const friendship = (full - sparse) / ((viewers * (friends - 2)) / 2);

      const costOf = async (act: (turn: number) => Promise<void>): Promise<number> => {
        const before = cpuOf(server.pid ?? 0);
        await paced(RATE, seconds * 1e3, act);
        return (cpuOf(server.pid ?? 0) - before) / (RATE * seconds) / 1e3;
      };
      const change = (): Promise<number> => costOf((turn) => origin.change(turn % viewers, mark(turn)));
      const command = await costOf(
        async (turn) => void (await redis.get(partitions.key(turn % partitions.count, 'head'))),
      );
      await change();
      const commit = await change();
      for (let index = 0; index < LISTENERS; index++) listeners.push(await Listener.open(server.port));
      const bytesBefore = listeners.reduce((sum, { bytes }) => sum + bytes, 0);
      const heard = await change();
      const bytes = listeners.reduce((sum, listener) => sum + listener.bytes, 0) - bytesBefore;
      return {
        commit,
        listener: Math.max(0, heard - commit) / LISTENERS,
        bytes: bytes / LISTENERS / (RATE * seconds),
        command,
        user: (sparse - without) / viewers - friendship,
        friendship,
      };
    } finally {
      for (const listener of listeners) listener.close();
      redis.disconnect();
      await origin.close();
      await server.stop();
    }
  },
};

/** A connection that is sent what a node is sent, and counts it. */
class Listener {
  readonly #socket: Socket;
  bytes = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', ({ length }) => {
      this.bytes += length;
    });
    // What is lost with it shows in the bytes.
    socket.on('error', () => socket.destroy());
  }

  static async open(port: number): Promise<Listener> {
    const socket = connect({ port, host: '127.0.0.1' });
    await once(socket, 'connect');
    const channels = Array.from({ length: DEFAULT_PARTITIONS }, (_, partition) => partitions.channel(partition));
    socket.write(`SUBSCRIBE ${channels.join(' ')}\r\n`);
    // All are acknowledged in one piece or a few; the first one means that the command was taken whole.
    await once(socket, 'data');
    return new Listener(socket);
  }

  close(): void {
    this.#socket.destroy();
  }
}
