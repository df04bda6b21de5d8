import type { Redis } from 'ioredis';
import type { Logger } from '../log.ts';
import type { Carrier, CarrierEvents } from './carrier.ts';

const RETRY_MS = 1_000;

/** Subscriptions over one connection: all are lost with it, and all are renewed when it is back. */
export class ServerCarrier implements Carrier {
  readonly #redis: Redis;
  readonly #log: Logger;
  readonly #changed: () => void;
  readonly #channels = new Set<string>();
  #events: CarrierEvents | null = null;
  #live = false;
  #closed = false;
  #retry: NodeJS.Timeout | null = null;

  /** `redis` must neither resubscribe by itself nor queue while offline. `changed` is told whenever `live` changes. */
  constructor(redis: Redis, log: Logger, changed: () => void) {
    this.#redis = redis;
    this.#log = log;
    this.#changed = changed;
    redis.on('ready', () => void this.#resume());
    redis.on('close', () => this.#suspend());
  }

  /** Connected, and every channel that is held is subscribed. */
  get live(): boolean {
    return this.#live;
  }

  attach(events: CarrierEvents): void {
    this.#events = events;
  }

  onMessage(listener: (channel: Buffer, text: Buffer) => void): void {
    this.#redis.on('messageBuffer', listener);
  }

  async subscribe(channel: string): Promise<void> {
    await this.#redis.subscribe(channel);
    if (!this.#live) throw new Error('The connection was lost while subscribing.');
    this.#channels.add(channel);
  }

  async unsubscribe(channel: string): Promise<void> {
    this.#channels.delete(channel);
    if (!this.#live) return;
    try {
      await this.#redis.unsubscribe(channel);
    } catch {
      // Only a lost connection refuses, and with it the subscription is gone as well.
    }
  }

  close(): void {
    this.#closed = true;
    if (this.#retry) clearTimeout(this.#retry);
    this.#channels.clear();
    this.#suspend();
  }

  #suspend(): void {
    if (!this.#live) return;
    this.#live = false;
    for (const channel of [...this.#channels]) this.#events?.lost(channel);
    this.#changed();
  }

  async #resume(): Promise<void> {
    if (this.#retry) clearTimeout(this.#retry);
    if (this.#closed || this.#live) return;
    const channels = [...this.#channels];
    try {
      if (channels.length > 0) await this.#redis.subscribe(...channels);
    } catch (error) {
      this.#log.warn({ err: error }, 'Redis refused to subscribe again; trying on');
      this.#retry = setTimeout(() => {
        if (!this.#closed && this.#redis.status === 'ready') void this.#resume();
      }, RETRY_MS);
      return;
    }
    if (this.#closed || this.#redis.status !== 'ready') return;
    this.#live = true;
    for (const channel of channels) {
      // Left while Redis was away, when there was nothing to unsubscribe from.
      if (this.#channels.has(channel)) this.#events?.back(channel);
      else void this.unsubscribe(channel);
    }
    this.#changed();
  }
}
