import { setTimeout as delay } from 'node:timers/promises';
import { Redis, type RedisOptions } from 'ioredis';
import { unavailable } from '../errors.ts';
import type { Millis } from '../presence/time.ts';
import { hangUp } from './base-connection.ts';
import { CHECK_MS } from './options.ts';
import { readSlots, type SlotsAnswer } from './read-slots.ts';
import { examineClusterNode } from './requirements.ts';
import { NO_SLOTS, type SlotMap } from './slot-map.ts';
import { nameOf, type RedisAddress } from './target.ts';

/** How often it is tried to find what is out of reach. */
const SEARCH_MS: Millis = 250;
/** How long a connection to a node without slots is kept that was asked for a key on its way there. */
const GUEST_MS: Millis = 10_000;

const DOWN = new Error('the cluster is down');

export interface ClusterNodesEvents {
  /** Slots have moved, or a master has come into reach or gone out of it. */
  changed(): void;
  /** A master has said its time, ms, somewhere between `sentAt` and now. */
  time(node: string, sentAt: Millis, time: Millis): void;
  /** UnusableRedis where the node can never be used. */
  failed(error: unknown, node: string): void;
  /** Something about a node is not as it should be. */
  risky(line: string): void;
}

interface Node {
  readonly name: string;
  readonly redis: Redis;
  readonly opened: Promise<void>;
  /** It answers, and says that the cluster can be used. */
  up: boolean;
  /** Nothing keeps it from being used for ever. */
  examined: boolean;
  probing: boolean;
  /** Local time until which it is kept although it has no slots. */
  guestUntil: Millis;
}

/**
 * The masters of a cluster: which slots each has, a connection for commands to each, and which of them can be used.
 * It looks around at intervals, and at once when something seems to have changed.
 */
export class ClusterNodes {
  readonly #seeds: readonly RedisAddress[];
  readonly #options: RedisOptions;
  readonly #events: ClusterNodesEvents;
  readonly #nodes = new Map<string, Node>();
  #slots = NO_SLOTS;
  #changes = 0;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | null = null;
  #again = false;
  #closed = false;

  /** `options` hold what every connection needs but the address. */
  constructor(seeds: readonly RedisAddress[], options: RedisOptions, events: ClusterNodesEvents) {
    this.#seeds = seeds;
    this.#options = { ...options, lazyConnect: true, retryStrategy: () => null };
    this.#events = events;
    void this.look();
  }

  /** Those that have slots. */
  names(): readonly string[] {
    return [...this.#slots.addresses.keys()];
  }

  /** The master that has the slot; null where none does. */
  owner(slot: number): string | null {
    return this.#slots.owners[slot] ?? null;
  }

  isUp(name: string): boolean {
    return this.#nodes.get(name)?.up ?? false;
  }

  get anyUp(): boolean {
    return this.names().some((name) => this.isUp(name));
  }

  /** Grows whenever a master goes out of reach, comes into reach, or gets its first slots. */
  get changes(): number {
    return this.#changes;
  }

  /** All slots are served by masters that can be used. */
  get whole(): boolean {
    return this.#slots.addresses.size > 0 && this.names().every((name) => this.isUp(name));
  }

  /** The connection to a node, if it is there. */
  connected(name: string): Redis | null {
    const node = this.#nodes.get(name);
    return node?.redis.status === 'ready' ? node.redis : null;
  }

  /** The same, opened if need be. Rejects when it cannot be. */
  async connect(name: string): Promise<Redis> {
    const address = this.#slots.addresses.get(name);
    const node = this.#nodes.get(name) ?? (address && this.#open(address));
    if (!node) throw unavailable('The store cannot be reached at the moment.');
    await node.opened;
    return node.redis;
  }

  /** As `connect`, to a node that another one has named and that may have no slots yet. */
  connectTo(address: RedisAddress): Promise<Redis> {
    const name = nameOf(address);
    const node = this.#nodes.get(name) ?? this.#open(address);
    node.guestUntil = performance.now() + GUEST_MS;
    return this.connect(name);
  }

  /** A node says that the slot is another one's. */
  moved(slot: number, address: RedisAddress): void {
    const name = nameOf(address);
    if (this.#slots.owners[slot] !== name) {
      const owners = [...this.#slots.owners];
      owners[slot] = name;
      if (!this.#slots.addresses.has(name)) this.#changes += 1;
      this.#slots = { ...this.#slots, owners, addresses: new Map(this.#slots.addresses).set(name, address) };
      this.#events.changed();
    }
    void this.look();
  }

  addressOf(name: string): RedisAddress | null {
    return this.#slots.addresses.get(name) ?? null;
  }

  /** Looks where the slots are now and tries every master. Resolves when the slots are known. Never rejects. */
  look(): Promise<void> {
    this.#again = true;
    this.#looking ??= this.#lookAround();
    return this.#looking;
  }

  /** Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    const nodes = [...this.#nodes.values()];
    this.#nodes.clear();
    await Promise.all(nodes.map(({ redis }) => hangUp(redis)));
  }

  async #lookAround(): Promise<void> {
    try {
      clearTimeout(this.#timer);
      while (this.#again && !this.#closed) {
        this.#again = false;
        const slots = await this.#readSlots();
        if (this.#closed) return;
        if (slots) this.#take(slots);
        for (const name of this.names()) void this.#probe(name);
        // What seemed to have changed while it looked is what it has seen; else one change would be looked at many times.
        if (this.#again) await delay(SEARCH_MS / 10, undefined, { ref: false });
      }
      this.#schedule();
    } finally {
      // In the same turn as the last look at `#again`: nobody may ask in between and be taken for heard.
      this.#looking = null;
    }
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    if (!this.#closed) this.#timer = setTimeout(() => void this.look(), this.whole ? CHECK_MS : SEARCH_MS).unref();
  }

  /** What the first node says that can use the cluster; where there is none, any; null where nobody answers. */
  async #readSlots(): Promise<SlotMap | null> {
    const known = [...this.#nodes.values()].filter(({ redis }) => redis.status === 'ready');
    let last: SlotMap | null = null;
    for (const { redis } of shuffled(known)) {
      const answer = await readSlots(redis);
      if (answer?.usable) return answer.slots;
      last = answer?.slots ?? last;
    }
    const others = [...this.#seeds, ...this.#slots.replicas].filter(
      (address) => !known.some(({ name }) => name === nameOf(address)),
    );
    for (const address of others) {
      const answer = this.#closed ? null : await this.#askStranger(address);
      if (answer?.usable) return answer.slots;
      last = answer?.slots ?? last;
    }
    return last;
  }

  async #askStranger(address: RedisAddress): Promise<SlotsAnswer | null> {
    const redis = new Redis({ ...this.#options, ...address });
    redis.on('error', (error) => this.#events.failed(error, nameOf(address)));
    try {
      await redis.connect();
    } catch {
      // Told by its `error` event. The next one may know.
      redis.disconnect();
      return null;
    }
    try {
      await examineClusterNode(redis, nameOf(address));
      const answer = await readSlots(redis, (error) => this.#events.failed(error, nameOf(address)));
      if (answer?.usable === false) this.#events.failed(DOWN, nameOf(address));
      return answer;
    } catch (error) {
      this.#events.failed(error, nameOf(address));
      return null;
    } finally {
      redis.disconnect();
    }
  }

  #take(slots: SlotMap): void {
    const before = this.#slots;
    this.#slots = slots;
    if ([...slots.addresses.keys()].some((name) => !before.addresses.has(name))) this.#changes += 1;
    for (const [name, address] of slots.addresses) if (!this.#nodes.has(name)) this.#open(address);
    const now = performance.now();
    for (const [name, node] of this.#nodes) {
      if (slots.addresses.has(name) || node.guestUntil > now) continue;
      this.#nodes.delete(name);
      node.redis.disconnect();
    }
    if (slots.owners.some((owner, slot) => owner !== before.owners[slot])) this.#events.changed();
  }

  #open(address: RedisAddress): Node {
    const name = nameOf(address);
    const redis = new Redis({ ...this.#options, ...address });
    const opened = redis.connect();
    // Who waits for it is told.
    opened.catch(() => {});
    const node: Node = { name, redis, opened, up: false, examined: false, probing: false, guestUntil: 0 };
    redis.on('error', (error) => this.#events.failed(error, name));
    redis.on('end', () => {
      if (this.#nodes.get(name) !== node) return;
      this.#nodes.delete(name);
      this.#setUp(node, false);
      // Not at once: where it is gone, it would be tried without a pause.
      if (!this.#looking) this.#schedule();
    });
    this.#nodes.set(name, node);
    return node;
  }

  /** Never rejects. A connection that does not answer is ended: it would not be noticed otherwise that it is dead. */
  async #probe(name: string): Promise<void> {
    const node = this.#nodes.get(name);
    if (!node || node.probing) return;
    node.probing = true;
    try {
      await node.opened;
      if (!node.examined) {
        for (const risk of await examineClusterNode(node.redis, name)) this.#events.risky(risk);
        node.examined = true;
      }
      const sentAt = performance.now();
      const time = node.redis.time().then(([seconds, micros]) => {
        this.#events.time(name, sentAt, Number(seconds) * 1000 + Number(micros) / 1000);
      });
      const [info] = await Promise.all([node.redis.cluster('INFO'), time]);
      const up = String(info).includes('cluster_state:ok');
      if (!up) this.#events.failed(DOWN, name);
      this.#setUp(node, up);
    } catch (error) {
      if (!this.#closed) this.#events.failed(error, name);
      node.redis.disconnect();
    } finally {
      node.probing = false;
    }
  }

  #setUp(node: Node, up: boolean): void {
    if (node.up === up || this.#closed) return;
    node.up = up;
    this.#changes += 1;
    if (!this.#looking) this.#schedule();
    this.#events.changed();
  }
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, order: Math.random() }))
    .sort((a, b) => a.order - b.order)
    .map(({ item }) => item);
}
