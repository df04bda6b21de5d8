import { readFileSync } from 'node:fs';

/** Who is whose friend, mutually: users are 0 to `users` - 1, and each list is in ascending order. */
export class Graph {
  readonly users: number;
  /** Where each user's list begins in `friends`; one more at the end. */
  readonly offsets: Int32Array;
  readonly friends: Int32Array;

  private constructor(users: number, offsets: Int32Array, friends: Int32Array) {
    this.users = users;
    this.offsets = offsets;
    this.friends = friends;
  }

  /** Each pair once; in which order does not matter. */
  static of(users: number, pairs: readonly (readonly [number, number])[]): Graph {
    const offsets = new Int32Array(users + 1);
    for (const [a, b] of pairs) {
      offsets[a + 1] = (offsets[a + 1] ?? 0) + 1;
      offsets[b + 1] = (offsets[b + 1] ?? 0) + 1;
    }
    for (let user = 0; user < users; user++) offsets[user + 1] = (offsets[user + 1] ?? 0) + (offsets[user] ?? 0);
    const next = offsets.slice();
    const friends = new Int32Array(2 * pairs.length);
    const put = (user: number, friend: number): void => {
      const at = next[user] ?? 0;
      friends[at] = friend;
      next[user] = at + 1;
    };
    for (const [a, b] of pairs) {
      put(a, b);
      put(b, a);
    }
    for (let user = 0; user < users; user++) friends.subarray(offsets[user], offsets[user + 1]).sort();
    return new Graph(users, offsets, friends);
  }

  of(user: number): Int32Array {
    return this.friends.subarray(this.offsets[user], this.offsets[user + 1]);
  }

  /** Where the pair stands in `friends`; -1 for people who are not friends. */
  place(user: number, friend: number): number {
    let low = this.offsets[user] ?? 0;
    let high = (this.offsets[user + 1] ?? 0) - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const found = this.friends[middle] ?? 0;
      if (found === friend) return middle;
      if (found < friend) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }

  *pairs(): Generator<[number, number]> {
    for (let user = 0; user < this.users; user++) {
      for (const friend of this.of(user)) if (friend > user) yield [user, friend];
    }
  }
}

/**
 * Everybody among the first `circle` users has exactly `friends` of them as friends; the other users keep to themselves
 * in the same way, as far as there are enough of them.
 */
export function evenGraph(circle: number, friends: number, users = circle): Graph {
  const half = friends >> 1;
  if (friends % 2 !== 0 || friends >= circle) {
    throw new Error(`Each of ${circle} users can have an even number of friends below that, not ${friends}.`);
  }
  const pairs: [number, number][] = [];
  for (let first = 0; first + circle <= users; first += circle) {
    for (let user = 0; user < circle; user++) {
      for (let step = 1; step <= half; step++) {
        const other = (user + step) % circle;
        pairs.push([first + user, first + other]);
      }
    }
  }
  return Graph.of(users, pairs);
}

/** One pair a line, as in the ego-Facebook data set of SNAP. Throws a line that names the file. */
export function graphFromFile(file: string): Graph {
  const ids = new Map<string, number>();
  const idOf = (name: string): number => {
    const known = ids.get(name);
    if (known !== undefined) return known;
    ids.set(name, ids.size);
    return ids.size - 1;
  };
  const pairs = new Map<string, [number, number]>();
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const [a, b] = line.trim().split(/[\s,]+/);
    if (a === undefined || b === undefined || a === '' || a === b || a.startsWith('#')) continue;
    const pair = [idOf(a), idOf(b)].sort((x, y) => x - y) as [number, number];
    pairs.set(pair.join(' '), pair);
  }
  if (pairs.size === 0) throw new Error(`${file} holds no pairs.`);
  return Graph.of(ids.size, [...pairs.values()]);
}

/** What ego-Facebook is like: 88,234 pairs among 4,039 people, and somebody with about a thousand friends. */
export const FACEBOOK_PEOPLE = 4_039;
const FACEBOOK_PAIRS = 88_234;
const FACEBOOK_EXPONENT = 0.45;

/** A graph with as many pairs for so many people, and a tail as heavy. The same one each time. */
export function facebookLikeGraph(people: number): Graph {
  const exponent = FACEBOOK_EXPONENT;
  const wanted = Math.min((FACEBOOK_PAIRS / FACEBOOK_PEOPLE) * people, (people * people) / 8);
  const sums = new Float64Array(people);
  let sum = 0;
  for (let user = 0; user < people; user++) {
    sum += (user + 1) ** -exponent;
    sums[user] = sum;
  }
  const random = seeded(4_039);
  const draw = (): number => {
    const at = random() * sum;
    let low = 0;
    let high = people - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sums[middle] ?? 0) < at) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const met = new Set<number>();
  const pairs: [number, number][] = [];
  const befriend = (a: number, b: number): void => {
    const [low, high] = a < b ? [a, b] : [b, a];
    if (low === high || met.has(low * people + high)) return;
    met.add(low * people + high);
    pairs.push([low, high]);
  };
  // Nobody is without a friend, as in the data set.
  for (let user = 1; user < people; user++) befriend(user, draw());
  while (pairs.length < wanted) befriend(draw(), draw());
  return Graph.of(people, pairs);
}

/** Numbers from 0 to 1, the same ones for the same seed. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
