import { Redis, type RedisOptions } from 'ioredis';
import { unavailable } from '../errors.ts';
import type { Logger } from '../log.ts';
import { BaseConnection, hangUp } from './base-connection.ts';
import { isReply, toRollcallError } from './failure.ts';
import { CHECK_MS, COMMANDS, COMMON, SUBSCRIPTIONS } from './options.ts';
import { ServerCarrier } from './server-carrier.ts';
import { Subscriber } from './subscriber.ts';

/** All data on one server: a connection for commands and one for subscriptions. `ready` says that both are up. */
export class ServerConnection extends BaseConnection {
  readonly sharded = false;
  readonly changes = 0;
  readonly subscriber: Subscriber;
  readonly #server: string;
  readonly #commands: Redis;
  readonly #subscriptions: Redis;
  readonly #check: NodeJS.Timeout;
  #checking = false;

  /** `where` says how to find the server: by its address, or through a connector that looks it up. */
  constructor(name: string, where: RedisOptions, log: Logger) {
    super(name, log);
    this.#server = name;
    this.#commands = new Redis({ ...COMMON, ...COMMANDS, ...where });
    this.#subscriptions = new Redis({ ...COMMON, ...SUBSCRIPTIONS, ...where });
    for (const redis of [this.#commands, this.#subscriptions]) {
      redis.on('error', (error: Error) => {
        this.logOutage(error);
        // Else it would go on in database 0.
        if (isReply(error) && error.command?.name === 'select') redis.disconnect(true);
      });
    }
    const carrier = new ServerCarrier(this.#subscriptions, log, () => this.#changed());
    this.subscriber = new Subscriber(carrier, log);
    this.#commands.on('ready', () => this.#changed());
    this.#commands.on('close', () => this.#changed());
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
    if (this.#commands.status !== 'ready') throw unavailable('The store cannot be reached at the moment.');
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

  #changed(): void {
    const up = this.#commands.status === 'ready' && this.subscriber.live;
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
    if (this.ready || this.closing || this.#commands.status !== 'ready' || !this.subscriber.live) return;
    this.logReturn();
    this.setReady(true);
  }

  /** A connection can be dead without having been closed; only silence shows it. */
  async #tryBoth(): Promise<void> {
    if (this.#checking) return;
    this.#checking = true;
    await Promise.all([
      this.#tryOne(this.#commands, () => this.#sampleClock()),
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
      redis.disconnect(true);
    }
  }

  async #sampleClock(): Promise<void> {
    const sentAt = this.clock.monotonic();
    const [seconds, micros] = await this.#commands.time();
    this.clock.sample(sentAt, Number(seconds) * 1000 + Number(micros) / 1000);
  }
}
