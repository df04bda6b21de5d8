import { unavailable } from '../errors.ts';
import type { Revision } from '../presence/time.ts';
import {
  type Change,
  type ChannelContext,
  type ChannelNames,
  PartitionChannel,
  type PartitionListener,
} from './channel.ts';
import { type Head, NO_HEAD, parseHead } from './head.ts';
import { readKeys } from './read-keys.ts';
import type { RedisConnection } from './redis-connection.ts';
import { Script } from './script.ts';

/**
 * The change channels of a dataset's partitions: subscribed to while somebody listens. The owner says when the
 * connection is lost and when it is back, because between the two it may have something to check.
 */
export class PartitionChannels<C extends Change> {
  readonly #context: ChannelContext<C>;
  readonly #channels = new Map<number, PartitionChannel<C>>();
  /** Settles when no heads are being read: who asks while they are cannot tell whether they are recent enough. */
  #reading: Promise<unknown> = Promise.resolve();
  #nextBarrier: Promise<Revision> | null = null;
  #closed = false;

  /**
   * `parse` throws for a message that is none of ours. `resubscribed` is called when a channel that was lost is subscribed
   * again: it stays lost until `recover`.
   */
  constructor(
    connection: RedisConnection,
    partitions: ChannelNames,
    parse: (message: string) => C,
    resubscribed: () => void,
  ) {
    const readLog = new Script(new URL('./lua/changes-2.lua', import.meta.url));
    this.#context = { connection, partitions, readLog, parse, resubscribed, repairing: new Set() };
  }

  /**
   * Resolves after Redis has acknowledged the subscription and the partition's position is known: nothing that is
   * published from then on is missed. Rejects UNAVAILABLE. What it resolves with is idempotent and never rejects.
   */
  async listen(partition: number, listener: PartitionListener<C>): Promise<() => Promise<void>> {
    if (this.#closed) throw unavailable('The store is closed.');
    const channel = this.#channels.get(partition) ?? new PartitionChannel(this.#context, partition);
    this.#channels.set(partition, channel);
    try {
      const leave = await channel.join(listener);
      return async () => {
        leave();
        await this.#release(partition, channel);
      };
    } catch (error) {
      await this.#release(partition, channel);
      throw error;
    }
  }

  /** No change is known to be missing between those that have been told, but for what `lost` and `missed` say. */
  get unbroken(): boolean {
    return this.#context.repairing.size === 0;
  }

  /** The changes of these partitions are lost; of all, where `which` is left out. */
  lose(which: (partition: number) => boolean = () => true): void {
    for (const [partition, channel] of this.#channels) if (which(partition)) channel.lose();
  }

  /**
   * Those that were lost catch up, and tell `restored` when they have, but for those that are not subscribed again yet.
   * `everything`: the store may have lost what it had told of the partition.
   */
  recover(everything: (partition: number) => boolean): void {
    for (const [partition, channel] of this.#channels) channel.recover(everything(partition));
  }

  /**
   * Resolves with a revision: every change up to it in the partitions listened to has been told, and every later commit
   * has a greater one. Those who ask at the same time share one round trip. Rejects UNAVAILABLE, where a part of the data is
   * out of reach not before all in the rest has been told. Where nobody listens in that part, it resolves with no revision
   * of use.
   */
  caughtUp(): Promise<Revision> {
    this.#nextBarrier ??= this.#reading.then(() => {
      this.#nextBarrier = null;
      return this.#passBarrier();
    });
    return this.#nextBarrier;
  }

  /** Idempotent, never rejects. */
  async close(): Promise<void> {
    this.#closed = true;
    const channels = [...this.#channels.values()];
    this.#channels.clear();
    await Promise.all(channels.map((channel) => channel.close()));
  }

  async #passBarrier(): Promise<Revision> {
    if (this.#closed) throw unavailable('The store is closed.');
    const channels = [...this.#channels].flatMap(([partition, channel]) =>
      // One that is being opened has told nobody anything yet.
      channel.position === null ? [] : [{ partition, channel, before: channel.position }],
    );
    const groups = [channels.filter(({ channel }) => channel.live), channels.filter(({ channel }) => !channel.live)];
    const readings = groups
      .filter((group, index) => index === 0 || group.length > 0)
      .map((group) => ({ group, reading: this.#readHeads(group.map(({ partition }) => partition)) }));
    this.#reading = Promise.allSettled(readings.map(({ reading }) => reading));
    const times = await Promise.allSettled(
      readings.map(async ({ group, reading }) => {
        const { time, heads } = await reading;
        const behind = group.flatMap(({ channel, before }, index) => {
          const head = heads[index] ?? NO_HEAD;
          return channel.hasTold(head, before) ? [] : [channel.reach(head, before)];
        });
        await Promise.all(behind);
        return time;
      }),
    );
    const failed = times.find((outcome) => outcome.status === 'rejected');
    if (failed) throw failed.reason;
    // A commit in the very microsecond of the reading may come after it.
    return Math.min(...times.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : 0))) - 1;
  }

  /**
   * The store's time in µs, then the heads: whatever they do not count yet is committed at that time or later. Of several
   * servers the time of the one whose clock is behind; 0 where one does not say.
   */
  async #readHeads(partitions: readonly number[]): Promise<{ time: number; heads: Head[] }> {
    const { connection, partitions: names } = this.#context;
    const keys = partitions.map((partition) => names.key(partition, 'head'));
    const servers = connection.servers();
    // All of it goes out in this order, to each server in one write.
    const [times, heads] = await Promise.all([
      Promise.all(servers.map((server) => this.#timeOf(server))),
      readKeys(connection, keys),
    ]);
    // A head may have been found on a server that was not asked for its time.
    if (connection.servers().some((server) => !servers.includes(server))) return this.#readHeads(partitions);
    return { time: Math.min(...times), heads: heads.map(parseHead) };
  }

  async #timeOf(server: string): Promise<number> {
    const { connection } = this.#context;
    try {
      const [seconds, rest] = await connection.ask(server, (redis) => redis.time());
      return Number(seconds) * 1_000_000 + Number(rest);
    } catch (error) {
      if (connection.sharded) return 0;
      throw error;
    }
  }

  async #release(partition: number, channel: PartitionChannel<C>): Promise<void> {
    if (!channel.idle || this.#channels.get(partition) !== channel) return;
    this.#channels.delete(partition);
    await channel.close();
  }
}
