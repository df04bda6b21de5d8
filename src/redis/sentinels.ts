import { createConnection } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { AbstractConnector, Redis, type RedisOptions } from 'ioredis';
import type { Logger } from '../log.ts';
import type { Millis } from '../presence/time.ts';
import { Backoff } from './backoff.ts';
import { isReply } from './failure.ts';
import { COMMON, EXAMINED } from './options.ts';
import { describeCause } from './outage.ts';
import { credentials, encryption, nameOf, type RedisAddress, type SentinelTarget } from './target.ts';
import { within } from './within.ts';

/** How often it is looked whether there is another master: as late as this a stale one is left. */
const LOOK_MS: Millis = 1_000;
/** How long an answer of a sentinel is waited for. */
const ANSWER_MS: Millis = 500;
const RETRY_MS: Millis = 250;

type Stream = Awaited<ReturnType<AbstractConnector['connect']>>;
type ConnectorClass = NonNullable<RedisOptions['Connector']>;

interface Sentinel {
  readonly address: RedisAddress;
  readonly redis: Redis;
  /** Grows while it does not answer. */
  readonly backoff: Backoff;
  /** It has been told who we are. */
  readonly introduced: boolean;
  /** Why its last answer was none, where that is known. */
  trouble: unknown;
}

interface Answer extends RedisAddress {
  /** Grows with each failover. */
  readonly epoch: number;
}

/** A connection that follows the master. */
interface Follower {
  readonly address: RedisAddress | null;
  disconnect(): void;
}

/**
 * Who is the master, by what the sentinels say. All of them are asked, and of their answers the one with the newest
 * epoch is believed. Connections are told to leave a server as soon as another one is the master, whether or not that
 * server still lives and takes writes: what it takes will be lost.
 *
 * ioredis has a connector of its own for this, which believes the first sentinel that answers and cannot tell one that
 * is behind; and its failover detector writes to the console what should go to the log.
 */
export class Sentinels {
  readonly #target: SentinelTarget;
  readonly #log: Logger;
  readonly #sentinels: Sentinel[];
  readonly #followers = new Set<Follower>();
  readonly #timer: NodeJS.Timeout;
  #closed = false;

  constructor(target: SentinelTarget, log: Logger) {
    this.#target = target;
    this.#log = log;
    this.#sentinels = target.sentinels.map((address) => this.#open(address, false));
    this.#timer = setInterval(() => void this.#look(), LOOK_MS);
    this.#timer.unref();
  }

  /** For ioredis: each connection that is made with it goes to the master. */
  connector(): ConnectorClass {
    const sentinels = this;
    return class MasterConnector extends AbstractConnector implements Follower {
      address: RedisAddress | null = null;

      constructor() {
        super(COMMON.disconnectTimeout ?? 0);
      }

      /** Rejects only when the connection has been given up: ioredis takes a rejection for the end. */
      async connect(tell: (type: string, error: Error) => void): Promise<Stream> {
        this.connecting = true;
        const address = await sentinels.#master(() => this.connecting, tell);
        this.address = address;
        sentinels.#followers.add(this);
        const { tls } = encryption(sentinels.#target);
        this.stream = tls ? connectTls({ ...address, ...tls }) : createConnection({ ...address });
        this.stream.once('close', () => sentinels.#followers.delete(this));
        return this.stream;
      }
    };
  }

  /** Idempotent. */
  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
    for (const { redis } of this.#sentinels) redis.disconnect();
  }

  /** Asks until somebody knows; `wanted` says whether anybody still wants to. */
  async #master(wanted: () => boolean, tell: (type: string, error: Error) => void): Promise<RedisAddress> {
    for (let attempt = 1; ; attempt++) {
      const master = await this.#ask();
      if (this.#closed || !wanted()) throw new Error('Connection is closed.');
      if (master !== null) return { host: master.host, port: master.port };
      const troubles = this.#sentinels.map(({ address, trouble }) => `${nameOf(address)}: ${describeCause(trouble)}`);
      // The first time the connections to them may not have been made yet.
      if (attempt > 1) {
        tell('error', new Error(`no sentinel names the master of ${this.#target.name}; ${troubles.join('; ')}`));
      }
      await delay(RETRY_MS, undefined, { ref: false });
    }
  }

  async #look(): Promise<void> {
    const master = this.#followers.size > 0 ? await this.#ask() : null;
    if (master === null || this.#closed) return;
    const astray = [...this.#followers].filter(
      ({ address }) => address?.host !== master.host || address.port !== master.port,
    );
    if (astray.length === 0) return;
    this.#log.warn({ redis: nameOf(master) }, `the sentinels name another master of ${this.#target.name}; going there`);
    for (const follower of astray) follower.disconnect();
  }

  /** The newest answer; null where nobody knows. */
  async #ask(): Promise<Answer | null> {
    const answers = await Promise.all(this.#sentinels.map((_, index) => within(ANSWER_MS, this.#askOne(index), null)));
    return answers.reduce((best, answer) => (answer && (!best || answer.epoch > best.epoch) ? answer : best), null);
  }

  /** Never rejects. */
  async #askOne(index: number): Promise<Answer | null> {
    const sentinel = this.#sentinels[index];
    if (!sentinel) return null;
    const { redis } = sentinel;
    try {
      // The epoch first: an address that is newer than it claims does no harm.
      const state = await redis.call('SENTINEL', 'MASTER', this.#target.name);
      const address = await redis.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', this.#target.name);
      sentinel.backoff.reset();
      return parseAnswer(state, address);
    } catch (error) {
      // Why there is no connection, the connection tells.
      if (isReply(error)) sentinel.trouble = error;
      this.#introduce(index, error);
      return null;
    }
  }

  /** Sentinels need not have the password of the servers: it is told to those that ask for one. */
  #introduce(index: number, refusal: unknown): void {
    const sentinel = this.#sentinels[index];
    const asked = refusal instanceof Error && /^(NOAUTH|NOPERM)/.test(refusal.message);
    if (!asked || !sentinel || sentinel.introduced || this.#closed || this.#target.password === null) return;
    sentinel.redis.disconnect();
    this.#sentinels[index] = this.#open(sentinel.address, true);
  }

  #open(address: RedisAddress, introduced: boolean): Sentinel {
    const backoff = new Backoff();
    const redis = new Redis({
      ...COMMON,
      ...EXAMINED,
      ...address,
      ...(introduced ? credentials(this.#target) : {}),
      ...encryption(this.#target),
      commandTimeout: ANSWER_MS,
      enableOfflineQueue: true,
      maxRetriesPerRequest: 0,
      retryStrategy: () => backoff.next(),
    });
    const sentinel: Sentinel = { address, redis, backoff, introduced, trouble: new Error('it does not answer') };
    redis.on('error', (error: Error) => {
      sentinel.trouble = error;
    });
    return sentinel;
  }
}

function parseAnswer(state: unknown, address: unknown): Answer | null {
  if (!Array.isArray(state) || !Array.isArray(address)) return null;
  const epoch = Number(state[state.indexOf('config-epoch') + 1]);
  const port = Number(address[1]);
  return Number.isInteger(epoch) && Number.isInteger(port) ? { host: String(address[0]), port, epoch } : null;
}
