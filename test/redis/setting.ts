import { Redis } from 'ioredis';
import { afterEach } from 'vitest';
import type { Logger } from '../../src/log.ts';
import { openRedis, type RedisConnection } from '../../src/redis/connection.ts';
import type { RedisTarget } from '../../src/redis/target.ts';
import { RedisPresenceStore, type RedisPresenceStoreOptions } from '../../src/store/redis/redis-presence-store.ts';
import { quiet } from '../support/quiet.ts';
import { type RedisServer, type RedisServerOptions, startRedis } from '../support/redis.ts';

export interface Node {
  readonly connection: RedisConnection;
  readonly store: RedisPresenceStore;
}

/** What one test opens; all of it is closed after the test, the last one first. */
export class Setting {
  readonly #closing: (() => Promise<unknown>)[] = [];

  async server(options: RedisServerOptions = {}): Promise<RedisServer> {
    const server = await startRedis(options);
    this.#closing.push(() => server.stop());
    return server;
  }

  connect(url: string | RedisTarget, logger: Logger = quiet): RedisConnection {
    const connection = openRedis(url, { logger });
    this.#closing.push(() => connection.close());
    return connection;
  }

  /** A node that has not been waited for. */
  open(url: string | RedisTarget, options: Partial<RedisPresenceStoreOptions> = {}): Node {
    const connection = this.connect(url, options.logger);
    const store = new RedisPresenceStore(connection, { logger: quiet, ...options });
    this.#closing.push(() => store.close());
    return { connection, store };
  }

  async node(url: string | RedisTarget, options: Partial<RedisPresenceStoreOptions> = {}): Promise<Node> {
    const node = this.open(url, options);
    await node.store.start();
    return node;
  }

  /** A connection of the operator's, for what no node would do. */
  operator(url: string): Redis {
    const redis = new Redis(url, { maxRetriesPerRequest: null, retryStrategy: () => 20 });
    redis.on('error', () => {});
    this.#closing.push(async () => redis.disconnect());
    return redis;
  }

  /** Closed with the rest, before what was opened earlier. */
  closing(close: () => Promise<unknown>): void {
    this.#closing.push(close);
  }

  async close(): Promise<void> {
    for (const close of this.#closing.splice(0).reverse()) await close();
  }
}

/** A new setting for each test of the file. */
export function freshSetting(): () => Setting {
  let setting = new Setting();
  afterEach(async () => {
    await setting.close();
    setting = new Setting();
  });
  return () => setting;
}

export interface Line {
  readonly level: keyof Logger;
  readonly message: string;
}

/** A logger that keeps what it is told. */
export function keepLog(): { readonly logger: Logger; readonly lines: Line[] } {
  const lines: Line[] = [];
  const write =
    (level: keyof Logger) =>
    (_details: object, message: string): void => {
      lines.push({ level, message });
    };
  return {
    logger: { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') },
    lines,
  };
}
