import type { NodeId, UserId } from '../../presence/record.ts';
import { fromText, NODES_KEY, type Partitions, TERMS_KEY, toText } from '../../redis/partitions.ts';
import type { RedisConnection } from '../../redis/redis-connection.ts';
import { Script } from '../../redis/script.ts';
import type { LeaseTerms, LostNode, NodeLeases } from '../port.ts';

/** For how long a commit of a forgotten node is refused: longer than a machine may sleep with a commit on its way. */
const REMEMBER_SECONDS = 86_400;

const KEYS = [NODES_KEY, TERMS_KEY];

/**
 * The leases of nodes, all in one sorted set, and in each partition who is bound to which node. A node that was found
 * dead stays dead, and once it is forgotten no commit can bind anybody to it again.
 */
export class RedisLeases implements NodeLeases {
  readonly #connection: RedisConnection;
  readonly #partitions: Partitions;
  readonly #mustBeReady: () => void;
  readonly #renew = new Script(new URL('./lua/renew-2.lua', import.meta.url));
  readonly #lost = new Script(new URL('./lua/lost-2.lua', import.meta.url));
  readonly #adopt = new Script(new URL('./lua/adopt-2.lua', import.meta.url));
  readonly #forget = new Script(new URL('./lua/forget-3.lua', import.meta.url));

  /** `mustBeReady` throws UNAVAILABLE while the store cannot be used. */
  constructor(connection: RedisConnection, partitions: Partitions, mustBeReady: () => void) {
    this.#connection = connection;
    this.#partitions = partitions;
    this.#mustBeReady = mustBeReady;
  }

  async renew(node: NodeId, { ms, settings }: LeaseTerms, first: boolean): Promise<boolean> {
    this.#mustBeReady();
    const args = [toText(node), Math.ceil(ms), first ? 1 : 0, settings];
    return (await this.#renew.run(this.#connection, KEYS, args)) === 1;
  }

  async lost(): Promise<LostNode[]> {
    this.#mustBeReady();
    // The script's own header says so.
    const reply = (await this.#lost.run(this.#connection, KEYS, [])) as string[];
    const lost: LostNode[] = [];
    for (let index = 0; index + 1 < reply.length; index += 2) {
      lost.push({ node: fromText(reply[index] ?? ''), renewedAt: Number(reply[index + 1]) });
    }
    return lost;
  }

  async adopt({ ms, settings }: LeaseTerms): Promise<number> {
    this.#mustBeReady();
    const keys = this.#all((partition) => this.#partitions.key(partition, 'bound'));
    const bound = await Promise.all(keys.map((key) => this.#connection.call(key, (redis) => redis.smembers(key))));
    const nodes = [...new Set(bound.flat())];
    if (nodes.length === 0) return 0;
    return (await this.#adopt.run(this.#connection, KEYS, [Math.ceil(ms), settings, ...nodes])) as number;
  }

  async settings(): Promise<string[]> {
    this.#mustBeReady();
    const nodes = await this.#connection.call(NODES_KEY, (redis) => redis.zrangebyscore(NODES_KEY, '(0', '+inf'));
    if (nodes.length === 0) return [];
    const terms = await this.#connection.call(TERMS_KEY, (redis) => redis.hmget(TERMS_KEY, ...nodes));
    return [...new Set(terms.flatMap((text) => (text === null ? [] : [text.slice(text.indexOf(' ') + 1)])))];
  }

  /** Not always the same ones: several nodes that deal with one dead node shall not all begin with the same users. */
  async members(node: NodeId, limit: number): Promise<UserId[]> {
    this.#mustBeReady();
    const keys = this.#all((partition) => this.#membersKey(partition, node));
    const counts = await Promise.all(keys.map((key) => this.#connection.call(key, (redis) => redis.scard(key))));
    let wanted = limit;
    const pages = keys.map((key, index) => {
      const count = Math.min(counts[index] ?? 0, wanted);
      wanted -= count;
      return count > 0 ? this.#connection.call(key, (redis) => redis.srandmember(key, count)) : [];
    });
    return (await Promise.all(pages)).flat().map(fromText);
  }

  /** A node to which somebody is bound still is not forgotten, and not an error: it will be found lost. */
  async forget(node: NodeId): Promise<void> {
    this.#mustBeReady();
    const binding = `"node":${JSON.stringify(node)}`;
    const left = await Promise.all(
      this.#all((partition) => {
        const ofPartition = ['forgotten', 'bound'].map((kind) => this.#partitions.key(partition, kind));
        const keys = [this.#membersKey(partition, node), ...ofPartition];
        const records = this.#partitions.keyFor(partition, 'record', '');
        return this.#forget.run(this.#connection, keys, [toText(node), binding, records, REMEMBER_SECONDS]);
      }),
    );
    if (left.every((count) => count === 0)) {
      await this.#connection.call(NODES_KEY, (redis) => redis.zrem(NODES_KEY, toText(node)));
    }
  }

  /** The users of the partition who have a session bound to the node; the commit script knows it by the same name. */
  #membersKey(partition: number, node: NodeId): string {
    return this.#partitions.keyFor(partition, 'members', node);
  }

  #all<T>(make: (partition: number) => T): T[] {
    return Array.from({ length: this.#partitions.count }, (_, partition) => make(partition));
  }
}
