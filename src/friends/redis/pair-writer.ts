import { randomBytes } from 'node:crypto';
import { unavailable } from '../../errors.ts';
import type { UserId } from '../../presence/record.ts';
import type { RedisConnection } from '../../redis/redis-connection.ts';
import { Script } from '../../redis/script.ts';
import { demands, isChange, listFull, mustFit, type PlannedChange, plan, type Wish } from '../change.ts';
import { MAX_FRIENDS, MIN_TOMBSTONES } from '../port.ts';
import type { Pair } from '../relation.ts';
import { CHANGES, decodePair, encodePair, HEAD, LOG, listKey } from './layout.ts';

/** How many pairs one run of the script deals with: a few milliseconds, for which all else in Redis has to wait. */
const CHUNK = 200;
/** How many users the log of changed lists holds at least, once it has had so many. */
const LOG_SIZE = 4_096;
/** Whoever fails has seen somebody else get through, so it takes more than this many at once to fail for good. */
const MAX_ATTEMPTS = 100;

/** What the script is asked: to make a change, or, without one, only how the pair stands. */
type Question = Wish & Partial<PlannedChange>;

/** All of it as of one moment. */
interface Answer {
  /** Null for each change that was made, else how the pair stands. */
  readonly pairs: readonly (Pair | null)[];
  /** How many lines the lists of all who were named held before. */
  readonly lists: readonly (readonly [UserId, number])[];
}

const UNRELATED: Pair = { mine: 'none', theirs: 'none' };

/**
 * Changes pairs by compare-and-set: reads how they stand, decides what that makes of each wish, and writes what has not
 * changed meanwhile; the rest is decided again. One chunk is written as a whole or, where some list has no room for it,
 * not at all. More than one chunk is checked as a whole before the first is written, but an outage, or others who fill a
 * list meanwhile, can end it between two chunks.
 */
export class PairWriter {
  readonly #connection: RedisConnection;
  /** Begins the history of changes, should this process make the first one. */
  readonly #epoch = randomBytes(9).toString('base64url');
  readonly #script = new Script(new URL('./lua/relate-n.lua', import.meta.url));

  constructor(connection: RedisConnection) {
    this.#connection = connection;
  }

  /**
   * How each wish ended, in their order; `before` is `after` where nothing was to be done, and also where the connection
   * broke after a change was made and before Redis could say so. `wishes` must not name a pair twice.
   */
  async apply(wishes: readonly Wish[]): Promise<PlannedChange[]> {
    const planned: PlannedChange[] = [];
    const held = new Map<UserId, number>();
    for (const chunk of chunks(wishes)) {
      const { pairs, lists } = await this.#ask(chunk);
      for (const [index, wish] of chunk.entries()) planned.push(plan(wish, pairs[index] ?? UNRELATED));
      for (const [userId, lines] of lists) held.set(userId, lines);
    }
    for (const [userId, demand] of demands(planned)) mustFit(userId, held.get(userId) ?? 0, demand);
    const done: PlannedChange[] = [];
    for (const chunk of chunks(planned)) done.push(...(await this.#make(chunk)));
    return done;
  }

  async #make(planned: readonly PlannedChange[]): Promise<PlannedChange[]> {
    const done = [...planned];
    let open = [...planned.entries()].filter(([, change]) => isChange(change));
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      if (open.length === 0) return done;
      const { pairs } = await this.#ask(open.map(([, change]) => change));
      const again: typeof open = [];
      for (const [at, [index, change]] of open.entries()) {
        const standing = pairs[at] ?? null;
        if (standing === null) continue;
        const next = plan(change, standing);
        done[index] = next;
        if (isChange(next)) again.push([index, next]);
      }
      open = again;
    }
    throw unavailable('These friend lists are changing too fast; try again.');
  }

  /** Throws LIMIT_EXCEEDED, and nothing has changed, when some list has no room. */
  async #ask(questions: readonly Question[]): Promise<Answer> {
    const numbers = new Map<UserId, number>();
    const numberOf = (userId: UserId): number => {
      const number = numbers.get(userId) ?? numbers.size + 1;
      numbers.set(userId, number);
      return number;
    };
    const args = questions.flatMap(({ userId, other, before, after, needsRoom }) => [
      numberOf(userId),
      numberOf(other),
      before ? encodePair(before) : '',
      after ? encodePair(after) : '',
      needsRoom ? `${Number(needsRoom.mine)}${Number(needsRoom.theirs)}` : '',
    ]);
    const owners = [...numbers.keys()];
    const keys = [HEAD, LOG, ...owners.map(listKey)];
    const answer = await this.#script.run(this.#connection, keys, [
      this.#connection.sharded ? 'SPUBLISH' : 'PUBLISH',
      CHANGES,
      MAX_FRIENDS,
      MIN_TOMBSTONES,
      this.#epoch,
      LOG_SIZE,
      ...owners,
      ...args,
    ]);
    if (typeof answer === 'number') throw listFull(owners[answer - 1] ?? '');
    // What the head of the script says that it answers.
    const [digits, held] = answer as [string[], number[]];
    return {
      pairs: digits.map((pair) => (pair === '' ? null : decodePair(pair))),
      lists: owners.map((userId, index) => [userId, held[index] ?? 0]),
    };
  }
}

function* chunks<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let begin = 0; begin < items.length; begin += CHUNK) yield items.slice(begin, begin + CHUNK);
}
