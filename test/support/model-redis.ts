import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { RedisFriendGraph } from '../../src/friends/redis/graph.ts';
import type { Millis } from '../../src/presence/time.ts';
import { openRedis } from '../../src/redis/connection.ts';
import { RedisPresenceStore } from '../../src/store/redis/redis-presence-store.ts';
import type { ModelEngines } from './model-devices.ts';
import type { Fate } from './model-link.ts';
import type { Plant } from './model-plant.ts';
import { onFreePort } from './port.ts';
import { quiet } from './quiet.ts';
import type { RedisServer } from './redis.ts';

/** How long what has been asked may take to be answered and told, where nothing is amiss. */
const SETTLED_MS: Millis = 12;
const CHANGES = /^\*3\r\n\$7\r\nmessage\r\n\$\d+\r\nrollcall:\{p\d+\}:changes\r\n/;

/**
 * A line to Redis on which published changes get lost or come twice. Everything else passes as it is. Friend lists'
 * messages are no changes.
 */
class LossyLine {
  readonly #port: number;
  readonly #fate: () => Fate;
  readonly #sockets = new Set<Socket>();
  #server: Server | null = null;
  lost = 0;
  repeated = 0;

  constructor(port: number, fate: () => Fate) {
    this.#port = port;
    this.#fate = fate;
  }

  open(): Promise<number> {
    return onFreePort((port) => this.#listen(port));
  }

  async #listen(port: number): Promise<number> {
    const server = createServer((near) => {
      const far = connect({ port: this.#port, host: '127.0.0.1', noDelay: true });
      near.setNoDelay(true);
      for (const [one, other] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(one);
        one.on('error', () => other.destroy());
        one.on('close', () => {
          this.#sockets.delete(one);
          other.destroy();
        });
      }
      near.on('data', (chunk) => void far.write(chunk));
      let rest: Buffer = Buffer.alloc(0);
      far.on('data', (chunk) => {
        rest = Buffer.concat([rest, chunk]);
        for (;;) {
          const end = endOfReply(rest, 0);
          if (end === null) break;
          this.#relay(near, rest.subarray(0, end));
          rest = rest.subarray(end);
        }
      });
    });
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    this.#server = server;
    return port;
  }

  #relay(near: Socket, reply: Buffer): void {
    const fate = CHANGES.test(reply.toString('latin1', 0, 100)) ? this.#fate() : 'deliver';
    if (fate === 'lose') this.lost += 1;
    else near.write(reply);
    if (fate !== 'repeat') return;
    this.repeated += 1;
    near.write(reply);
  }

  /** All connections break at once; new ones are made. */
  reset(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  close(): void {
    this.#server?.close();
    this.reset();
  }
}

/** Where the reply that begins at `from` ends; null where it has not all arrived. */
function endOfReply(bytes: Buffer, from: number): number | null {
  const line = bytes.indexOf('\r\n', from);
  if (line < 0) return null;
  const kind = bytes[from];
  const count = Number(bytes.toString('latin1', from + 1, line));
  if (kind === 0x24) {
    const end = count < 0 ? line + 2 : line + 2 + count + 2;
    return end <= bytes.length ? end : null;
  }
  if (kind !== 0x2a) return line + 2;
  let end: number | null = line + 2;
  for (let index = 0; index < count && end !== null; index += 1) end = endOfReply(bytes, end);
  return end;
}

export interface RedisWeather {
  readonly losing: number;
  readonly repeating: number;
}

/** Nodes with connections of their own to one Redis server, in real time. */
export class RedisPlant implements Plant {
  readonly lateMs: Millis = 2_000;
  readonly agreeMs: Millis = 20_000;
  readonly #server: RedisServer;
  readonly #weather: RedisWeather;
  readonly #random: () => number;
  readonly #lines: LossyLine[] = [];
  #calm = false;

  constructor(server: RedisServer, weather: RedisWeather, random: () => number) {
    this.#server = server;
    this.#weather = weather;
    this.#random = random;
  }

  get lost(): number {
    return this.#lines.reduce((sum, { lost }) => sum + lost, 0);
  }

  now(): Millis {
    return Date.now();
  }

  pass(ms: Millis): Promise<void> {
    return delay(ms);
  }

  settle(): Promise<void> {
    return delay(SETTLED_MS);
  }

  calm(): void {
    this.#calm = true;
  }

  async open(): Promise<ModelEngines> {
    const line = new LossyLine(this.#server.port, () => this.#fate());
    this.#lines.push(line);
    const connection = openRedis(`redis://127.0.0.1:${await line.open()}`, { logger: quiet });
    const store = new RedisPresenceStore(connection, { logger: quiet, partitions: 2, auditMs: 400 });
    await store.start();
    const friends = new RedisFriendGraph(connection);
    return {
      store,
      friends,
      sleep: () => {},
      cut: () => line.reset(),
      heal: () => {},
      kill: async () => {
        line.close();
        await friends.close();
        await store.close();
        await connection.close();
      },
    };
  }

  #fate(): Fate {
    if (this.#calm) return 'deliver';
    const chance = this.#random();
    const { losing, repeating } = this.#weather;
    return chance < losing ? 'lose' : chance < losing + repeating ? 'repeat' : 'deliver';
  }
}
