import { unavailable } from '../../errors.ts';
import type { UserId } from '../../presence/record.ts';
import type { RedisConnection } from '../../redis/redis-connection.ts';
import type { Unsubscribe } from '../../redis/subscriber.ts';
import { isChange, isUserId, mustBePair, wishesOfPairs, wishesOfSync } from '../change.ts';
import { Listeners } from '../listeners.ts';
import type { FriendGraph, FriendList, SyncResult } from '../port.ts';
import type { Pair, Relate, Relation } from '../relation.ts';
import { CHANGES, decodeList, listKey, relationOf } from './layout.ts';
import { PairWriter } from './pair-writer.ts';

/** The friend graph of the Redis engine; see `layout.ts` for where it lies, `PairWriter` for how changes are made. */
export class RedisFriendGraph implements FriendGraph {
  readonly #connection: RedisConnection;
  readonly #writer: PairWriter;
  readonly #listeners = new Listeners();
  /** One for all listeners of this process, from the first one on until `close`. */
  #subscription: Promise<Unsubscribe> | null = null;
  #closed = false;

  /** The connection is left open by `close`. */
  constructor(connection: RedisConnection) {
    this.#connection = connection;
    this.#writer = new PairWriter(connection);
  }

  async list(userId: UserId): Promise<FriendList> {
    this.#mustBeOpen();
    // `redis.hgetall` would make an object of the answer, which costs twice as much.
    const key = listKey(userId);
    const fields = await this.#connection.call(key, (redis) => redis.call('HGETALL', key));
    return decodeList(fields as string[]);
  }

  async relations(userId: UserId, others: readonly UserId[]): Promise<Relation[]> {
    this.#mustBeOpen();
    if (others.length === 0) return [];
    const key = listKey(userId);
    const lines = await this.#connection.call(key, (redis) => redis.hmget(key, ...others));
    return others.map((other, index) => (isUserId(other) ? relationOf(lines[index]) : 'none'));
  }

  async relate(userId: UserId, other: UserId, change: Relate): Promise<Pair> {
    this.#mustBeOpen();
    mustBePair(userId, other, 'userId');
    const [done] = await this.#writer.apply([{ userId, other, change }]);
    if (done === undefined) throw new Error('A change to the friend graph got no answer.');
    return done.after;
  }

  async sync(userId: UserId, friendIds: readonly UserId[]): Promise<SyncResult> {
    const { entries } = await this.list(userId);
    const done = (await this.#writer.apply(wishesOfSync(userId, entries, friendIds))).filter(isChange);
    const removed = done.filter(({ change }) => change === 'remove').length;
    return { added: done.length - removed, removed };
  }

  async befriend(pairs: readonly (readonly [UserId, UserId])[]): Promise<number> {
    this.#mustBeOpen();
    return (await this.#writer.apply(wishesOfPairs(pairs))).filter(isChange).length;
  }

  async listen(userId: UserId, changed: () => void): Promise<() => Promise<void>> {
    this.#mustBeOpen();
    if (!this.#connection.subscriber.live) throw unavailable('The store cannot be reached at the moment.');
    const remove = this.#listeners.add(userId, changed);
    try {
      this.#subscription ??= this.#subscribe();
      await this.#subscription;
      this.#mustBeOpen();
    } catch (error) {
      remove();
      throw error;
    }
    return async () => remove();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#listeners.clear();
    const subscription = this.#subscription;
    this.#subscription = null;
    const unsubscribe = await subscription?.catch(() => null);
    await unsubscribe?.();
  }

  async #subscribe(): Promise<Unsubscribe> {
    try {
      return await this.#connection.subscriber.subscribe(CHANGES, {
        message: (text) => this.#told(text),
        // There is nothing to do until there is something to read.
        lost: () => {},
        resubscribed: () => this.#listeners.tellAll(),
      });
    } catch (error) {
      // The next listener tries again.
      this.#subscription = null;
      throw error;
    }
  }

  #told(text: string): void {
    const names: unknown = JSON.parse(text);
    if (!Array.isArray(names)) return;
    for (const name of names) this.#listeners.tell(String(name));
  }

  #mustBeOpen(): void {
    if (this.#closed) throw unavailable('The friend graph is closed.');
  }
}
