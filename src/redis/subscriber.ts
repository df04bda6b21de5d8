import { RedisPubSub } from 'graphql-redis-subscriptions';
import type { Redis } from 'ioredis';
import { unavailable } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Carrier, CarrierEvents } from './carrier.ts';
import { toRollcallError } from './failure.ts';

export interface ChannelListener {
  /** One message, in the order of publication. */
  message(text: string): void;
  /** Messages are lost from now on. */
  lost(): void;
  /** Subscribed again, acknowledged by Redis: every message from now on arrives, none from in between does. */
  resubscribed(): void;
}

/** Idempotent, never rejects. The listener is not called again from the moment of the call. */
export type Unsubscribe = () => Promise<void>;

interface Channel {
  readonly name: string;
  readonly listeners: Set<ChannelListener>;
  /** Settles with Redis' answer to the first SUBSCRIBE. */
  opened: Promise<void>;
  standing: 'opening' | 'open' | 'lost';
  subscription: number | null;
  refusal: unknown;
}

/**
 * Who listens to which channel. RedisPubSub routes the messages; subscribing, its acknowledgement and its repetition
 * after a loss are the carrier's, because there a failure would be unhandled and a reconnect would pass unnoticed.
 */
export class Subscriber implements CarrierEvents {
  readonly #carrier: Carrier;
  readonly #log: Logger;
  readonly #pubsub: RedisPubSub;
  readonly #channels = new Map<string, Channel>();

  constructor(carrier: Carrier, log: Logger) {
    this.#carrier = carrier;
    this.#log = log;
    this.#pubsub = this.#route();
    carrier.attach(this);
  }

  /** Whether it can be subscribed now. */
  get live(): boolean {
    return this.#carrier.live;
  }

  /** Resolves once Redis has acknowledged; rejects UNAVAILABLE when it cannot. A listener that throws is logged. */
  async subscribe(name: string, listener: ChannelListener): Promise<Unsubscribe> {
    if (!this.live) throw unavailable('The store cannot be reached at the moment.');
    const channel = this.#channels.get(name) ?? this.#create(name);
    channel.listeners.add(listener);
    await channel.opened;
    return () => this.#leave(channel, listener);
  }

  lost(name: string): void {
    const channel = this.#channels.get(name);
    if (!channel || channel.standing === 'lost') return;
    const open = channel.standing === 'open';
    channel.standing = 'lost';
    if (open) this.#tell(channel, (listener) => listener.lost());
  }

  back(name: string): void {
    const channel = this.#channels.get(name);
    // One that was lost while it was opened is given up by whoever opens it.
    if (channel?.standing !== 'lost' || channel.subscription === null) return;
    channel.standing = 'open';
    this.#tell(channel, (listener) => listener.resubscribed());
  }

  close(): void {
    this.#carrier.close();
    this.#channels.clear();
  }

  #create(name: string): Channel {
    const channel: Channel = {
      name,
      listeners: new Set(),
      opened: Promise.resolve(),
      standing: 'opening',
      subscription: null,
      refusal: null,
    };
    this.#channels.set(name, channel);
    channel.opened = this.#open(channel);
    return channel;
  }

  async #open(channel: Channel): Promise<void> {
    const subscription = await this.#pubsub.subscribe<string>(channel.name, (text) => {
      this.#tell(channel, (listener) => listener.message(text));
    });
    if (channel.refusal === null && channel.standing === 'opening' && this.#channels.get(channel.name) === channel) {
      channel.subscription = subscription;
      channel.standing = 'open';
      return;
    }
    if (this.#channels.get(channel.name) === channel) this.#channels.delete(channel.name);
    this.#pubsub.unsubscribe(subscription);
    if (channel.refusal === null) await this.#carrier.unsubscribe(channel.name);
    throw toRollcallError(channel.refusal ?? new Error('The connection was lost while subscribing.'));
  }

  async #leave(channel: Channel, listener: ChannelListener): Promise<void> {
    if (!channel.listeners.delete(listener) || channel.listeners.size > 0) return;
    if (this.#channels.get(channel.name) !== channel || channel.subscription === null) return;
    this.#channels.delete(channel.name);
    this.#pubsub.unsubscribe(channel.subscription);
    await this.#carrier.unsubscribe(channel.name);
  }

  /** RedisPubSub over a connection of which it sees four functions. */
  #route(): RedisPubSub {
    const connection = {
      on: (event: string, listener: (channel: Buffer, text: Buffer) => void) => {
        if (event === MESSAGE) this.#carrier.onMessage(listener);
      },
      // It is never told of a refusal: that would reject a promise of its own that nobody handles.
      subscribe: (name: string, done: (error: null) => void) => {
        this.#carrier.subscribe(name).then(
          () => done(null),
          (error: unknown) => {
            const channel = this.#channels.get(name);
            if (channel) channel.refusal = error;
            done(null);
          },
        );
      },
      // It does not wait for these; whoever leaves a channel has the carrier unsubscribe, and does.
      unsubscribe: () => {},
      punsubscribe: () => {},
    };
    // The library names the whole ioredis class but calls no more than what is here.
    const client = connection as unknown as Redis;
    return new RedisPubSub({
      publisher: client,
      subscriber: client,
      // Else ioredis would decode each message, the library encode it again, and we decode it once more.
      messageEventName: MESSAGE,
      deserializer: (source) => source.toString(),
    });
  }

  #tell(channel: Channel, call: (listener: ChannelListener) => void): void {
    for (const listener of [...channel.listeners]) {
      if (!channel.listeners.has(listener)) continue;
      try {
        call(listener);
      } catch (error) {
        this.#log.error({ err: error, channel: channel.name }, 'a channel listener threw');
      }
    }
  }
}

const MESSAGE = 'messageBuffer';
