import { randomBytes } from 'node:crypto';
import type { Redis } from 'ioredis';

export interface ShardLineEvents {
  /** Redis has ended the subscription by itself: the channel's slot has moved away. */
  evicted(channel: string): void;
  /** The connection is gone, and all subscriptions with it. */
  gone(): void;
}

/** The channel is another master's by now. */
export class ChannelMoved extends Error {
  override readonly name = 'ChannelMoved';
}

/** The last words with which ioredis complains of a message that it has not asked for. */
const EVICTION = /Last reply: sunsubscribe,(.*),\d+$/s;

/**
 * Sharded subscriptions over one connection to one master of a cluster.
 *
 * ioredis counts the message that Redis sends when a slot moves away, and that nobody has asked for, as the answer to the
 * oldest command under way, if there is one; and it never answers an SSUBSCRIBE that is refused because the slot has
 * moved. So there is one command under way at a time, an answer too many ends the connection unless it is known what it
 * was, and whoever hears that the connection is gone subscribes anew.
 */
export class ShardLine {
  readonly server: string;
  readonly #redis: Redis;
  readonly #events: ShardLineEvents;
  readonly #channels = new Set<string>();
  readonly #opened: Promise<void>;
  #turn: Promise<unknown> = Promise.resolve();
  #refuse: (() => void) | null = null;
  #subscribing = 0;
  #gone = false;

  /** `redis` has not been connected yet and will not reconnect. */
  constructor(server: string, redis: Redis, events: ShardLineEvents) {
    this.server = server;
    this.#redis = redis;
    this.#events = events;
    redis.on('error', (error) => this.#fault(error));
    redis.on('moved', () => this.#refuse?.());
    redis.on('end', () => this.#end());
    this.#opened = redis.connect();
    // Whoever subscribes is told.
    this.#opened.catch(() => {});
  }

  has(channel: string): boolean {
    return this.#channels.has(channel);
  }

  /** Nothing is subscribed or about to be. */
  get idle(): boolean {
    return this.#channels.size === 0 && this.#subscribing === 0;
  }

  /** Resolves once Redis has acknowledged. Rejects when it refuses, with ChannelMoved where the slot is another master's. */
  async subscribe(channel: string): Promise<void> {
    this.#subscribing += 1;
    try {
      await this.#inTurn(() => this.#subscribe(channel));
    } finally {
      this.#subscribing -= 1;
    }
  }

  /** Never rejects. */
  async unsubscribe(channel: string): Promise<void> {
    this.#channels.delete(channel);
    await this.#inTurn(() => this.#redis.sunsubscribe(channel)).catch(() => {
      // Refused because the slot has moved, or lost with the connection: gone either way.
    });
  }

  /** Ends the connection unless it answers. Never rejects. */
  async check(): Promise<void> {
    const word = randomBytes(6).toString('base64url');
    const answer = await this.#inTurn(() => this.#redis.ping(word)).catch(() => null);
    // An array in the mode that a connection with subscriptions is in.
    if (!String(answer).endsWith(word)) this.close();
  }

  /** Idempotent. */
  close(): void {
    if (this.#gone) return;
    this.#end();
    this.#redis.disconnect();
  }

  async #subscribe(channel: string): Promise<void> {
    await new Promise<unknown>((resolve, reject) => {
      this.#refuse = () => reject(new ChannelMoved('The slot of the channel has moved.'));
      this.#redis.ssubscribe(channel).then(resolve, reject);
    });
    if (this.#gone) throw new Error('The connection was lost while subscribing.');
    this.#channels.add(channel);
  }

  #inTurn<T>(send: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(async () => {
      await this.#opened;
      try {
        return await send();
      } finally {
        this.#refuse = null;
      }
    });
    this.#turn = done.catch(() => {});
    return done;
  }

  #fault(error: Error): void {
    const [, channel] = EVICTION.exec(error.message) ?? [];
    // Told twice of one channel where its slot has moved; what is not known here has been dealt with.
    if (channel !== undefined) {
      if (this.#channels.delete(channel)) this.#events.evicted(channel);
    } else if (error.message.startsWith('Command queue state error')) {
      this.close();
    }
  }

  #end(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#channels.clear();
    this.#events.gone();
  }
}
