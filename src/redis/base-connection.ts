import type { Redis } from 'ioredis';
import { type RollcallError, unavailable } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Millis } from '../presence/time.ts';
import { RedisClock } from './clock.ts';
import { describeOutage } from './outage.ts';
import type { RedisConnection } from './redis-connection.ts';
import type { UnusableRedis } from './requirements.ts';
import type { Subscriber } from './subscriber.ts';
import { within } from './within.ts';

/** How long `close` waits for calls under way. */
const CLOSE_MS = 2_000;
/** How many reasons of one outage are told. */
const MOST_REASONS = 8;

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
  /** Who waits for `ready`, by what to call when something has changed. */
  readonly #waiting = new Set<() => void>();
  /** What has been told of the outage that lasts. */
  readonly #told = new Set<string>();
  readonly #warned = new Set<string>();
  #ready = false;
  #wasReady = false;
  /** Why what was reached last can never be used. */
  #refusal: UnusableRedis | null = null;
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
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const failure = this.#closing ? closed() : this.#refusal;
        if (!failure && !this.#ready) return;
        this.#waiting.delete(look);
        if (failure) reject(failure);
        else resolve();
      };
      this.#waiting.add(look);
      look();
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Something has been said of the outage that lasts. */
  protected get outageTold(): boolean {
    return this.#told.size > 0;
  }

  /** Whether it has ever been ready: then what REDIS_URL says cannot be all wrong. */
  protected get wasReady(): boolean {
    return this.#wasReady;
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
    if (ready) {
      this.#wasReady = true;
      this.#refusal = null;
      this.#look();
    }
    this.#tell(ready ? this.#readyListeners : this.#lostListeners);
  }

  /**
   * What was reached can never be used as it is: who waits is told, and after the start, when
   * nobody does, the log. It is tried on.
   */
  protected refuse(refusal: UnusableRedis): void {
    if (this.#closing) return;
    this.#refusal = refusal;
    this.#look();
    if (this.#wasReady && this.#isNews(refusal.message)) this.log.error({ redis: this.#name }, refusal.message);
  }

  /** Once for each line. */
  protected warnOnce(line: string): void {
    if (this.#warned.has(line)) return;
    this.#warned.add(line);
    this.log.warn({ redis: this.#name }, line);
  }

  /** One line for each reason, as long as the outage lasts; `logReturn` ends it. */
  protected logOutage(error: unknown, where = this.#name): void {
    const line = describeOutage(error);
    if (!this.#closing && this.#isNews(line)) this.log.warn({ redis: where }, line);
  }

  protected logReturn(): void {
    if (this.#told.size > 0) this.log.info({ redis: this.#name }, 'Redis is in reach again');
    this.#told.clear();
  }

  #isNews(line: string): boolean {
    if (this.#told.has(line) || this.#told.size >= MOST_REASONS) return false;
    this.#told.add(line);
    return true;
  }

  #look(): void {
    for (const look of [...this.#waiting]) look();
  }

  async #close(): Promise<void> {
    await within<unknown>(CLOSE_MS, Promise.allSettled(this.underWay), null);
    this.#ready = false;
    this.subscriber.close();
    await this.hangUp();
    this.#look();
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
