/** Told by a carrier of the channels that it holds. */
export interface CarrierEvents {
  /** Messages of the channel are lost from now on. */
  lost(channel: string): void;
  /** Subscribed again, acknowledged by Redis: every message from now on arrives, none from in between does. */
  back(channel: string): void;
}

/** Subscriptions as a kind of Redis has them. What is held is kept, through every loss, until it is given up. */
export interface Carrier {
  /** Whether new channels can be subscribed to now. */
  readonly live: boolean;
  /** Called once, before anything else. */
  attach(events: CarrierEvents): void;
  /** In the order of publication; not called for a channel that is not held. */
  onMessage(listener: (channel: Buffer, text: Buffer) => void): void;
  /** Resolves once Redis has acknowledged: the channel is held. Rejects with what went wrong. */
  subscribe(channel: string): Promise<void>;
  /** Never rejects: with the connection the subscription is gone as well. */
  unsubscribe(channel: string): Promise<void>;
  /** Nothing is told any more but that all is lost. The connections are left to the owner where they are the owner's. */
  close(): void;
}
