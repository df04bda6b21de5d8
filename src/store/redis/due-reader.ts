import type { UserId } from '../../presence/record.ts';
import type { Millis } from '../../presence/time.ts';
import { parseHead } from '../../redis/head.ts';
import { fromText, type Partitions } from '../../redis/partitions.ts';
import { readKeys } from '../../redis/read-keys.ts';
import type { RedisConnection } from '../../redis/redis-connection.ts';
import { Script } from '../../redis/script.ts';

/** So many are asked of each partition at least: how evenly they are spread is a matter of chance. */
const SMALLEST_SHARE = 16;

/** The deadlines of a partition that is on its way to another server are kept when it has arrived, and hold up no others. */
const NO_PATIENCE_MS: Millis = 0;

interface Due {
  readonly user: string;
  readonly at: Millis;
}

/**
 * The deadlines of all partitions. While none has passed, which is the rule, only the head of each partition is read,
 * which says before when it needs no look: one command, or with a cluster one for each partition, in one write to each
 * master.
 */
export class DueReader {
  readonly #connection: RedisConnection;
  readonly #partitions: Partitions;
  readonly #headKeys: readonly string[];
  readonly #script = new Script(new URL('./lua/due-2.lua', import.meta.url));

  constructor(connection: RedisConnection, partitions: Partitions) {
    this.#connection = connection;
    this.#partitions = partitions;
    this.#headKeys = Array.from({ length: partitions.count }, (_, partition) => partitions.key(partition, 'head'));
  }

  /** The earliest first, `limit` at most. Partitions that cannot be read now are left out, unless none can. */
  async read(now: Millis, limit: number): Promise<UserId[]> {
    if (limit <= 0) return [];
    const partitions = await this.#partitionsDue(now);
    let share = Math.max(SMALLEST_SHARE, Math.ceil((2 * limit) / Math.max(1, partitions.length)));
    for (;;) {
      const asked = Math.min(share, limit);
      const lists = await allThatCan(partitions.map((partition) => this.#readOne(partition, now, asked)));
      // Beyond the last one that a full list names there may be others in that partition.
      const full = lists.filter((list) => list.length === asked);
      const known = Math.min(...full.map((list) => list.at(-1)?.at ?? now));
      const all = lists.flat().sort((a, b) => a.at - b.at);
      const due = asked === limit ? all : all.filter(({ at }) => at <= known);
      if (due.length >= limit || full.length === 0 || asked === limit) {
        return due.slice(0, limit).map(({ user }) => fromText(user));
      }
      share *= 4;
    }
  }

  async #partitionsDue(now: Millis): Promise<number[]> {
    const groups = this.#connection.sharded ? this.#headKeys.map((key) => [key]) : [this.#headKeys];
    const read = async (keys: readonly string[], first: number): Promise<number[]> => {
      const heads = await readKeys(this.#connection, keys);
      return heads.flatMap((head, index) => (parseHead(head).deadline <= now ? [first + index] : []));
    };
    return (await allThatCan(groups.map((keys, index) => read(keys, index)))).flat();
  }

  async #readOne(partition: number, now: Millis, limit: number): Promise<Due[]> {
    const keys = [this.#partitions.key(partition, 'due'), this.#partitions.key(partition, 'head')];
    // The script's own header says so.
    const reply = (await this.#script.run(this.#connection, keys, [now, limit], NO_PATIENCE_MS)) as string[];
    const due: Due[] = [];
    for (let index = 0; index + 1 < reply.length; index += 2) {
      due.push({ user: reply[index] ?? '', at: Number(reply[index + 1]) });
    }
    return due;
  }
}

/** What those answer that do not fail; rejects as the first does where all fail. */
async function allThatCan<T>(answers: readonly Promise<T>[]): Promise<T[]> {
  const settled = await Promise.allSettled(answers);
  const failed = settled.find((outcome) => outcome.status === 'rejected');
  const done = settled.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  if (failed && done.length === 0) throw failed.reason;
  return done;
}
