import { unavailable } from '../../errors.ts';
import type { UserId } from '../../presence/record.ts';
import type { Millis } from '../../presence/time.ts';
import { PartitionChannels } from '../../redis/channels.ts';
import type { RedisConnection } from '../../redis/redis-connection.ts';
import { isChange, isUserId, mustBePair, wishesOfPairs, wishesOfSync } from '../change.ts';
import { Listeners } from '../listeners.ts';
import type { FriendGraph, FriendList, SyncResult } from '../port.ts';
import type { Pair, Relate, Relation } from '../relation.ts';
import { CHANGES, decodeList, HEAD, type ListsChange, LOG, listKey, parseListsChange, relationOf } from './layout.ts';
import { PairWriter } from './pair-writer.ts';

export interface RedisFriendGraphOptions {
  /** How often it is made sure that no change of a list was lost unnoticed, ms. */
  readonly auditMs?: Millis;
}

const AUDIT_MS: Millis = 10_000;
/** All lists are one partition, as far as their changes go. */
const ALL = 0;
const NAMES = { key: (_: number, kind: 'head' | 'log') => (kind === 'head' ? HEAD : LOG), channel: () => CHANGES };

/** The friend graph of the Redis engine; see `layout.ts` for where it lies, `PairWriter` for how changes are made. */
export class RedisFriendGraph implements FriendGraph {
  readonly #connection: RedisConnection;
  readonly #writer: PairWriter;
  readonly #listeners = new Listeners();
  readonly #channels: PartitionChannels<ListsChange>;
  readonly #stopEvents: readonly (() => void)[];
  readonly #audit: NodeJS.Timeout;
  /** One for all listeners of this process, from the first one on until `close`. */
  #subscription: Promise<unknown> | null = null;
  #closed = false;

  /** The connection is left open by `close`. */
  constructor(connection: RedisConnection, options: RedisFriendGraphOptions = {}) {
    this.#connection = connection;
    this.#writer = new PairWriter(connection);
    this.#channels = new PartitionChannels(connection, NAMES, parseListsChange, () => this.#recover());
    this.#stopEvents = [connection.onReady(() => this.#recover()), connection.onLost(() => this.#channels.lose())];
    this.#audit = setInterval(() => void this.#auditNow(), options.auditMs ?? AUDIT_MS).unref();
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
      await remove();
      throw error;
    }
    return remove;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#audit);
    for (const stop of this.#stopEvents) stop();
    this.#listeners.clear();
    await this.#channels.close();
  }

  async #subscribe(): Promise<void> {
    try {
      await this.#channels.listen(ALL, {
        changed: ({ ids }) => {
          for (const id of ids) this.#listeners.tell(id);
        },
        missed: (ids) => {
          if (ids === null) this.#listeners.tellAll();
          else for (const id of ids) this.#listeners.tell(id);
        },
        // There is nothing to do until there is something to read, and then what was missed is told.
        lost: () => {},
        restored: () => {},
      });
    } catch (error) {
      // The next listener tries again.
      this.#subscription = null;
      throw error;
    }
  }

  /** Whatever has answered before may have lost what it had told: every list is read again. */
  #recover(): void {
    if (this.#connection.ready) this.#channels.recover(() => true);
  }

  /** Notices a last message that was lost and to which no other will follow. Never rejects. */
  async #auditNow(): Promise<void> {
    if (this.#subscription === null || !this.#connection.ready) return;
    try {
      await this.#channels.caughtUp();
    } catch (error) {
      this.#connection.log.debug({ err: error }, 'the audit of the friend lists was cut short; it comes again');
    }
  }

  #mustBeOpen(): void {
    if (this.#closed) throw unavailable('The friend graph is closed.');
  }
}
