import { setTimeout as delay } from 'node:timers/promises';
import { RedisFriendGraph } from '../../src/friends/redis/graph.ts';
import type { Millis } from '../../src/presence/time.ts';
import { openRedis } from '../../src/redis/connection.ts';
import { RedisPresenceStore } from '../../src/store/redis/redis-presence-store.ts';
import { LossyLine } from './lossy-line.ts';
import type { ModelEngines } from './model-devices.ts';
import type { Fate } from './model-link.ts';
import type { Plant } from './model-plant.ts';
import { quiet } from './quiet.ts';
import type { RedisServer } from './redis.ts';

/** How long what has been asked may take to be answered and told, where nothing is amiss. */
const SETTLED_MS: Millis = 12;

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
