import type { Redis } from 'ioredis';
import { type RollcallError, unavailable } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Millis } from '../presence/time.ts';
import { RedisClock } from './clock.ts';
import type { RedisConnection } from './redis-connection.ts';
import type { Subscriber } from './subscriber.ts';
import { within } from './within.ts';

/** How long `close` waits for calls under way. */
const CLOSE_MS = 2_000;

/** What connections of every kind have in common: who is told of what, how an outage is logged, and how to close. */
export abstract class BaseConnection implements RedisConnection {
  abstract readonly sharded: boolean;
  abstract readonly whole: boolean;
  abstract readonly changes: number;
  abstract readonly subscriber: Subscriber;
  readonly clock = new RedisClock();
  readonly log: Logger;
  /** What `close` waits for. */
  protected readonly underWay = new Set<Promise<unknown>>();
  readonly #name: string;
  readonly #readyListeners = new Set<() => void>();
  readonly #lostListeners = new Set<() => void>();
  #ready = false;
  #outageLogged = false;
  #closing: Promise<void> | null = null;

  /** `name` says where it is, without the password, for logs. */
  constructor(name: string, log: Logger) {
    this.#name = name;
    this.log = log;
  }

  abstract call<T>(key: string, run: (redis: Redis) => Promise<T>, patienceMs?: Millis): Promise<T>;
  abstract servers(): readonly string[];
  abstract serverOf(key: string): string | null;
  abstract ask<T>(server: string, run: (redis: Redis) => Promise<T>): Promise<T>;
  /** Ends all connections. Called once, when nothing is under way any more or has taken too long. */
  protected abstract hangUp(): Promise<void>;

  get ready(): boolean {
    return this.#ready;
  }

  onReady(listener: () => void): () => void {
    this.#readyListeners.add(listener);
    return () => void this.#readyListeners.delete(listener);
  }

  onLost(listener: () => void): () => void {
    this.#lostListeners.add(listener);
    return () => void this.#lostListeners.delete(listener);
  }

  whenReady(): Promise<void> {
    if (this.#closing) return Promise.reject(closed());
    if (this.#ready) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        stopReady();
        stopLost();
        if (this.#ready) resolve();
        else reject(closed());
      };
      const stopReady = this.onReady(settle);
      // While not ready, this is told by `close` alone.
      const stopLost = this.onLost(settle);
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  protected get closing(): boolean {
    return this.#closing !== null;
  }

  /** Throws UNAVAILABLE once `close` has been called. */
  protected mustBeOpen(): void {
    if (this.#closing) throw closed();
  }

  /** Tells the listeners, if that is news. */
  protected setReady(ready: boolean): void {
    if (ready === this.#ready || this.#closing) return;
    this.#ready = ready;
    this.#tell(ready ? this.#readyListeners : this.#lostListeners);
  }

  /** One line for each outage; `logReturn` ends it. */
  protected logOutage(error: unknown, where = this.#name): void {
    if (this.#outageLogged || this.#closing) return;
    this.#outageLogged = true;
    const reason = error instanceof Error && error.message !== '' ? error.message : String(error);
    this.log.warn({ redis: where }, `Redis cannot be reached (${reason}); trying until it can`);
  }

  protected logReturn(): void {
    if (this.#outageLogged) this.log.info({ redis: this.#name }, 'Redis is in reach again');
    this.#outageLogged = false;
  }

  async #close(): Promise<void> {
    await within<unknown>(CLOSE_MS, Promise.allSettled(this.underWay), null);
    this.#ready = false;
    this.subscriber.close();
    await this.hangUp();
    this.#tell(this.#lostListeners);
    this.#readyListeners.clear();
    this.#lostListeners.clear();
  }

  #tell(listeners: ReadonlySet<() => void>): void {
    for (const listener of [...listeners]) {
      try {
        listener();
      } catch (error) {
        this.log.error({ err: error }, 'a listener to the state of the connection threw');
      }
    }
  }
}

function closed(): RollcallError {
  return unavailable('The connection to the store is closed.');
}

/** Ends one connection for good; resolves when it has ended. */
export async function hangUp(redis: Redis): Promise<void> {
  const connected = redis.status === 'ready' || redis.status === 'connect' || redis.status === 'connecting';
  const ended = new Promise<void>((resolve) => redis.once('end', () => resolve()));
  redis.disconnect();
  // Between two attempts to connect there is nothing that could end.
  if (connected) await within(CLOSE_MS, ended, undefined);
}
