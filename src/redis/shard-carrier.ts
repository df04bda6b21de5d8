import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { unavailable } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Millis } from '../presence/time.ts';
import type { Carrier, CarrierEvents } from './carrier.ts';
import type { ClusterNodes } from './cluster-nodes.ts';
import { ChannelMoved, ShardLine } from './shard-line.ts';
import { slotOf } from './slot.ts';
import type { RedisAddress } from './target.ts';

/** How often it is tried to find a new place for what was lost. */
const SEEK_MS: Millis = 100;
/** For how long a channel is followed that moves while it is subscribed to. */
const PATIENCE_MS: Millis = 5_000;

/**
 * The subscriptions of a cluster: each at the master that has the channel's slot, so that a message is sent to one master
 * and not to all. What is lost, because a slot moves, a master fails or a connection breaks, is sought until it is found.
 */
export class ShardCarrier implements Carrier {
  readonly #nodes: ClusterNodes;
  readonly #open: (address: RedisAddress) => Redis;
  readonly #log: Logger;
  readonly #lines = new Map<string, ShardLine>();
  /** Where each channel is held; null while it is sought. */
  readonly #homes = new Map<string, ShardLine | null>();
  #events: CarrierEvents | null = null;
  #listener: ((channel: Buffer, text: Buffer) => void) | null = null;
  #seeking = false;
  #closed = false;

  /** `open` makes a connection for subscriptions that is not connected yet and will not reconnect. */
  constructor(nodes: ClusterNodes, open: (address: RedisAddress) => Redis, log: Logger) {
    this.#nodes = nodes;
    this.#open = open;
    this.#log = log;
  }

  get live(): boolean {
    return !this.#closed && this.#nodes.anyUp;
  }

  attach(events: CarrierEvents): void {
    this.#events = events;
  }

  onMessage(listener: (channel: Buffer, text: Buffer) => void): void {
    this.#listener = listener;
  }

  async subscribe(channel: string): Promise<void> {
    const line = await this.#follow(channel);
    if (!line.has(channel) || this.#closed) throw new Error('The subscription was lost at once.');
    this.#homes.set(channel, line);
  }

  async unsubscribe(channel: string): Promise<void> {
    const line = this.#homes.get(channel);
    this.#homes.delete(channel);
    if (line) await this.#abandon(line, channel);
  }

  /** To be called whenever slots have moved or a master has come into reach or gone out of it. */
  reconcile(): void {
    for (const [channel, line] of this.#homes) {
      if (line === null || (line.has(channel) && line.server === this.#place(channel))) continue;
      this.#lose(channel);
      if (line.has(channel)) void this.#abandon(line, channel);
    }
    for (const line of this.#lines.values()) if (this.#nodes.addressOf(line.server) === null) line.close();
  }

  /** Makes sure that the connections are alive. */
  async check(): Promise<void> {
    await Promise.all([...this.#lines.values()].map((line) => line.check()));
  }

  close(): void {
    this.#closed = true;
    for (const channel of [...this.#homes.keys()]) this.#events?.lost(channel);
    this.#homes.clear();
    for (const line of [...this.#lines.values()]) line.close();
  }

  /** The master at which the channel ought to be; null while there is none that can be used. */
  #place(channel: string): string | null {
    const owner = this.#nodes.owner(slotOf(channel));
    return owner !== null && this.#nodes.isUp(owner) ? owner : null;
  }

  async #settle(channel: string): Promise<ShardLine> {
    const place = this.#place(channel);
    const address = place === null ? null : this.#nodes.addressOf(place);
    if (place === null || address === null || this.#closed) {
      throw unavailable('The store cannot be reached at the moment.');
    }
    const line = this.#lines.get(place) ?? this.#dial(place, address);
    await line.subscribe(channel);
    return line;
  }

  /** As `#settle`, at the master to which the channel has moved meanwhile. */
  async #follow(channel: string): Promise<ShardLine> {
    const begun = performance.now();
    for (;;) {
      try {
        return await this.#settle(channel);
      } catch (error) {
        if (!(error instanceof ChannelMoved) || performance.now() - begun > PATIENCE_MS) throw error;
        await this.#nodes.look();
        await delay(SEEK_MS / 10);
      }
    }
  }

  #dial(server: string, address: RedisAddress): ShardLine {
    const redis = this.#open(address);
    redis.on('smessageBuffer', (channel: Buffer, text: Buffer) => this.#listener?.(channel, text));
    const line = new ShardLine(server, redis, {
      evicted: (channel) => {
        if (this.#homes.get(channel) === line) this.#lose(channel);
      },
      gone: () => {
        if (this.#lines.get(server) === line) this.#lines.delete(server);
        for (const [channel, home] of this.#homes) if (home === line) this.#lose(channel);
      },
    });
    this.#lines.set(server, line);
    return line;
  }

  async #abandon(line: ShardLine, channel: string): Promise<void> {
    await line.unsubscribe(channel);
    if (line.idle) line.close();
  }

  #lose(channel: string): void {
    if (this.#closed) return;
    this.#homes.set(channel, null);
    this.#events?.lost(channel);
    void this.#seek();
  }

  /** Goes on until every channel has a place. Never rejects. */
  async #seek(): Promise<void> {
    if (this.#seeking) return;
    this.#seeking = true;
    try {
      for (;;) {
        await this.#nodes.look();
        const lost = [...this.#homes].flatMap(([channel, line]) => (line === null ? [channel] : []));
        if (lost.length === 0 || this.#closed) return;
        await Promise.all(lost.map((channel) => this.#regain(channel)));
        await delay(SEEK_MS, undefined, { ref: false });
      }
    } finally {
      this.#seeking = false;
    }
  }

  async #regain(channel: string): Promise<void> {
    try {
      const line = await this.#settle(channel);
      if (this.#homes.get(channel) === null && line.has(channel)) {
        this.#homes.set(channel, line);
        this.#events?.back(channel);
      } else if (!this.#homes.has(channel)) {
        await this.#abandon(line, channel);
      }
    } catch (error) {
      this.#log.debug({ err: error, channel }, 'a subscription could not be renewed; trying on');
    }
  }
}
