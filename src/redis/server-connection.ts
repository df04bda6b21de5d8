import { Redis, type RedisOptions } from 'ioredis';
import { unavailable } from '../errors.ts';
import type { Logger } from '../log.ts';
import { Backoff } from './backoff.ts';
import { BaseConnection, hangUp } from './base-connection.ts';
import { isReply, toRollcallError } from './failure.ts';
import { CHECK_MS, COMMANDS, COMMON, EXAMINED, SUBSCRIPTIONS } from './options.ts';
import { CLOSED, CLOSED_AT_ONCE, guessAtFirst, isHangUp } from './outage.ts';
import { Requirements, UnusableRedis } from './requirements.ts';
import { ServerCarrier } from './server-carrier.ts';
import { Subscriber } from './subscriber.ts';

/** Two connections to one server, each with its patience. */
interface Line {
  readonly redis: Redis;
  readonly backoff: Backoff;
}

/**
 * All data on one server: a connection for commands and one for subscriptions. `ready` says that both are up, and that
 * the server has been found fit.
 */
export class ServerConnection extends BaseConnection {
  readonly sharded = false;
  readonly changes = 0;
  readonly subscriber: Subscriber;
  readonly #server: string;
  readonly #requirements: Requirements;
  readonly #lines: readonly Line[];
  readonly #commands: Redis;
  readonly #subscriptions: Redis;
  readonly #check: NodeJS.Timeout;
  #checking = false;
  /** It is known why the connection ends. */
  readonly #explained = new Set<Redis>();
  /** The server at the other end of the connection for commands has been examined and may be used. */
  #fit = false;
  /** Counts the connections for commands, so that what began on one does not end on the next. */
  #visit = 0;

  /** `where` says how to find the server: by its address, or through a connector that looks it up. */
  constructor(name: string, where: RedisOptions, log: Logger) {
    super(name, log);
    this.#server = name;
    this.#requirements = new Requirements(name);
    this.#lines = [COMMANDS, SUBSCRIPTIONS].map((options) => this.#open({ ...options, ...where }));
    // There are two.
    [this.#commands, this.#subscriptions] = this.#lines.map(({ redis }) => redis) as [Redis, Redis];
    const carrier = new ServerCarrier(this.#subscriptions, log, () => this.#changed());
    this.subscriber = new Subscriber(carrier, log);
    this.#commands.on('ready', () => void this.#arrive());
    this.#commands.on('close', () => {
      if (!this.#fit && !this.#explained.has(this.#commands)) this.logOutage(this.wasReady ? CLOSED : CLOSED_AT_ONCE);
      this.#explained.delete(this.#commands);
      this.#visit += 1;
      this.#fit = false;
      this.#changed();
    });
    this.#check = setInterval(() => void this.#tryBoth(), CHECK_MS);
    this.#check.unref();
  }

  get whole(): boolean {
    return this.ready;
  }

  servers(): readonly string[] {
    return [this.#server];
  }

  serverOf(_key: string): string {
    return this.#server;
  }

  call<T>(_key: string, run: (redis: Redis) => Promise<T>): Promise<T> {
    return this.ask(this.#server, run);
  }

  async ask<T>(_server: string, run: (redis: Redis) => Promise<T>): Promise<T> {
    this.mustBeOpen();
    // Without this, commands would wait in line behind those that the lost connection still has to give up.
    if (!this.#isUp()) throw unavailable('The store cannot be reached at the moment.');
    const answer = run(this.#commands);
    this.underWay.add(answer);
    try {
      return await answer;
    } catch (error) {
      throw toRollcallError(error);
    } finally {
      this.underWay.delete(answer);
    }
  }

  protected async hangUp(): Promise<void> {
    clearInterval(this.#check);
    await Promise.all([hangUp(this.#commands), hangUp(this.#subscriptions)]);
  }

  #open(options: RedisOptions): Line {
    const backoff = new Backoff();
    const redis = new Redis({ ...COMMON, ...EXAMINED, ...options, retryStrategy: () => backoff.next() });
    redis.on('error', (error: Error) => {
      if (isReply(error) && error.command?.name === 'select') this.#refuseDatabase(error, redis);
      // That a connection was broken off says less than anything else that is known.
      else if (!isHangUp(error) || !this.outageTold)
        this.logOutage(this.wasReady ? error : guessAtFirst(error, options.tls !== undefined));
      this.#explained.add(redis);
    });
    return { redis, backoff };
  }

  #isUp(): boolean {
    return this.#fit && this.#commands.status === 'ready';
  }

  /** A connection for commands has been made. */
  async #arrive(): Promise<void> {
    const visit = this.#visit;
    let risks: string[];
    try {
      risks = await this.#requirements.examine(this.#commands);
      await this.#sampleClock();
    } catch (error) {
      // Where the connection has broken meanwhile, the next one leads here again.
      if (visit !== this.#visit || this.closing || this.#commands.status !== 'ready') return;
      if (error instanceof UnusableRedis) this.refuse(error);
      else this.logOutage(error);
      this.#leave(this.#commands);
      return;
    }
    if (visit !== this.#visit) return;
    for (const risk of risks) this.warnOnce(risk);
    this.#fit = true;
    this.#changed();
  }

  #changed(): void {
    const up = this.#isUp() && this.subscriber.live;
    if (!up) this.setReady(false);
    else if (!this.ready) void this.#becomeReady();
  }

  async #becomeReady(): Promise<void> {
    try {
      await this.#sampleClock();
    } catch {
      // The connection broke again or is about to be broken by #tryBoth; its next `ready` leads here once more.
      return;
    }
    if (this.ready || this.closing || !this.#isUp() || !this.subscriber.live) return;
    for (const { backoff } of this.#lines) backoff.reset();
    this.logReturn();
    this.setReady(true);
  }

  /** Else ioredis would go on in database 0. */
  #refuseDatabase(error: Error, redis: Redis): void {
    const database = redis.options.db ?? 0;
    const why = /cluster mode/.test(error.message)
      ? 'it is a node of a Redis Cluster, where there is number 0 only'
      : `it says: ${error.message}`;
    this.refuse(new UnusableRedis(`Redis at ${this.#server} has no database ${database} for REDIS_URL: ${why}.`));
    this.#leave(redis);
  }

  /** Hangs up, and tries again after a while. */
  #leave(redis: Redis): void {
    this.#explained.add(redis);
    redis.disconnect(true);
  }

  /** A connection can be dead without having been closed; only silence shows it. */
  async #tryBoth(): Promise<void> {
    if (this.#checking) return;
    this.#checking = true;
    await Promise.all([
      this.#fit ? this.#tryOne(this.#commands, () => this.#sampleClock()) : null,
      this.#tryOne(this.#subscriptions, () => this.#subscriptions.ping()),
    ]);
    this.#checking = false;
    if (!this.ready) this.#changed();
  }

  async #tryOne(redis: Redis, ask: () => Promise<unknown>): Promise<void> {
    if (redis.status !== 'ready') return;
    try {
      await ask();
    } catch (error) {
      if (this.closing || redis.status !== 'ready') return;
      this.logOutage(error);
      this.#leave(redis);
    }
  }

  async #sampleClock(): Promise<void> {
    const sentAt = this.clock.monotonic();
    const [seconds, micros] = await this.#commands.time();
    this.clock.sample(sentAt, Number(seconds) * 1000 + Number(micros) / 1000);
  }
}
