import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { unavailable } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Millis } from '../presence/time.ts';
import { BaseConnection } from './base-connection.ts';
import { ClusterNodes } from './cluster-nodes.ts';
import { isAway, isTryAgain, toRollcallError } from './failure.ts';
import { CHECK_MS, COMMANDS, COMMON, SUBSCRIPTIONS } from './options.ts';
import { CLOCK_KEY } from './partitions.ts';
import { UnusableRedis } from './requirements.ts';
import { ShardCarrier } from './shard-carrier.ts';
import { slotOf } from './slot.ts';
import { parseRedirect } from './slot-map.ts';
import { Subscriber } from './subscriber.ts';
import { type ClusterTarget, credentials, encryption, nameOf, type RedisAddress } from './target.ts';

/** For how long a call follows keys that move before it gives up, unless it says otherwise. */
const PATIENCE_MS: Millis = 5_000;
/** How often a call is tried whose master is out of reach, and how long after each other. */
const ATTEMPTS = 3;
const RETRY_MS: Millis = 100;
const TRY_AGAIN_MS: Millis = 50;
/** How far the clocks of two masters may be apart. */
const MOST_SKEW_MS: Millis = 500;

/**
 * The data on the masters of a cluster. After all masters have been in reach once, `ready` says that some can be used, and
 * `whole` that all can.
 *
 * The commands go over a plain connection to each master, and redirections are followed here. The cluster client of
 * ioredis would do that too, but a slot that moves makes it send everything of that master astray, an ASKING that fails
 * ends the process, and it either sends each command by itself or lets one that has to wait hold up all others.
 */
export class ClusterConnection extends BaseConnection {
  readonly sharded = true;
  readonly subscriber: Subscriber;
  readonly #nodes: ClusterNodes;
  readonly #carrier: ShardCarrier;
  readonly #check: NodeJS.Timeout;
  /** Masters whose clock has been found to be wrong. */
  readonly #skewed = new Set<string>();
  #clockKnown = false;
  /** All masters have been in reach once. */
  #complete = false;

  constructor(target: ClusterTarget, log: Logger) {
    super(target.addresses.map(nameOf).join(', '), log);
    const access = { ...credentials(target), ...encryption(target) };
    this.#nodes = new ClusterNodes(
      target.addresses,
      { ...COMMON, ...COMMANDS, ...access },
      {
        changed: () => this.#changed(),
        time: (node, sentAt, time) => this.#noteTime(node, sentAt, time),
        failed: (error, node) => {
          if (error instanceof UnusableRedis) this.refuse(error);
          else this.logOutage(error, node);
        },
        risky: (line) => this.warnOnce(line),
      },
    );
    const open = (address: RedisAddress): Redis =>
      new Redis({ ...COMMON, ...SUBSCRIPTIONS, ...access, ...address, lazyConnect: true, retryStrategy: () => null });
    this.#carrier = new ShardCarrier(this.#nodes, open, log);
    this.subscriber = new Subscriber(this.#carrier, log);
    this.#check = setInterval(() => void this.#carrier.check(), CHECK_MS);
    this.#check.unref();
  }

  get whole(): boolean {
    return this.ready && this.#nodes.whole;
  }

  get changes(): number {
    return this.#nodes.changes;
  }

  servers(): readonly string[] {
    return this.#nodes.names();
  }

  serverOf(key: string): string | null {
    return this.#nodes.owner(slotOf(key));
  }

  async call<T>(key: string, run: (redis: Redis) => Promise<T>, patienceMs = PATIENCE_MS): Promise<T> {
    const slot = slotOf(key);
    const begun = performance.now();
    /** Where the keys of a slot are found that is on its way there. */
    let guest: RedisAddress | null = null;
    for (let attempt = 1; ; attempt++) {
      this.mustBeOpen();
      let host = '';
      try {
        // Nothing is waited for here in the rule, so that calls go out in the order in which they are made.
        const redis = guest === null ? this.#master(slot) : await this.#nodes.connectTo(guest);
        host = redis.options.host ?? '';
        return await this.#run(guest === null ? redis : asking(redis), run);
      } catch (error) {
        const step = this.#judge(error, host, attempt);
        const longest = isTryAgain(error) ? patienceMs : PATIENCE_MS;
        if (step === null || performance.now() - begun + step.waitMs > longest) throw toRollcallError(error);
        guest = step.guest;
        if (step.waitMs > 0) await delay(step.waitMs);
      }
    }
  }

  async ask<T>(server: string, run: (redis: Redis) => Promise<T>): Promise<T> {
    this.mustBeOpen();
    try {
      return await this.#run(this.#connection(server), run);
    } catch (error) {
      throw toRollcallError(error);
    }
  }

  protected async hangUp(): Promise<void> {
    clearInterval(this.#check);
    await this.#nodes.close();
  }

  #master(slot: number): Redis {
    return this.#connection(this.#nodes.owner(slot));
  }

  #connection(node: string | null): Redis {
    const redis = node === null ? null : this.#nodes.connected(node);
    if (redis === null) throw unavailable('The store cannot be reached at the moment.');
    return redis;
  }

  async #run<T>(redis: Redis, run: (redis: Redis) => Promise<T>): Promise<T> {
    const answer = run(redis);
    this.underWay.add(answer);
    try {
      return await answer;
    } finally {
      this.underWay.delete(answer);
    }
  }

  /** What to do about a failed attempt; null where trying again helps nobody. */
  #judge(error: unknown, host: string, attempt: number): Step | null {
    const redirect = parseRedirect(error, host);
    if (redirect !== null) {
      if (redirect.kind === 'moved') this.#nodes.moved(redirect.slot, redirect.address);
      // Two nodes that send each other for it settle that among themselves soon.
      const waitMs = attempt < ATTEMPTS ? 0 : TRY_AGAIN_MS;
      return { waitMs, guest: redirect.kind === 'ask' ? redirect.address : null };
    }
    if (isTryAgain(error)) return { waitMs: TRY_AGAIN_MS, guest: null };
    if (!isAway(error) || attempt >= ATTEMPTS) return null;
    void this.#nodes.look();
    return { waitMs: RETRY_MS, guest: null };
  }

  #changed(): void {
    this.#carrier.reconcile();
    // It begins with all there is: what a part of it has lost meanwhile can be told only by who has known it.
    this.#complete ||= this.#clockKnown && this.#nodes.whole;
    this.setReady(this.#complete && this.#nodes.anyUp);
    if (this.whole) this.logReturn();
  }

  /** One master's clock is followed, the one that keeps the leases of nodes; the others are held against it. */
  #noteTime(node: string, sentAt: Millis, time: Millis): void {
    if (node === this.serverOf(CLOCK_KEY)) {
      this.clock.sample(sentAt, time);
      this.#clockKnown = true;
      return;
    }
    const skewMs = this.#clockKnown ? this.clock.ahead(sentAt, time) : 0;
    if (Math.abs(skewMs) <= MOST_SKEW_MS) {
      this.#skewed.delete(node);
    } else if (!this.#skewed.has(node)) {
      this.#skewed.add(node);
      const line = `The clock of Redis at ${node} is ${Math.abs(Math.round(skewMs))} ms ${skewMs > 0 ? 'ahead of' : 'behind'} another master's`;
      this.log.warn({ redis: node, skewMs }, `${line}; at most ${MOST_SKEW_MS} are allowed`);
    }
  }
}

interface Step {
  readonly waitMs: Millis;
  readonly guest: RedisAddress | null;
}

/** The same connection, on which each command is announced as one for a slot that is still on its way. */
function asking(redis: Redis): Redis {
  return new Proxy(redis, {
    get: (target, key) => {
      const member: unknown = Reflect.get(target, key, target);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]): unknown => {
        // Where this fails, what follows it fails too and is told.
        target.asking().catch(() => {});
        return member.apply(target, args);
      };
    },
  });
}
