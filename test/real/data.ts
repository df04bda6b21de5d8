import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export type Pair = readonly [string, string];
/** Everybody who has friends, with all of them. Friendship is mutual. */
export type Friendships = ReadonlyMap<string, ReadonlySet<string>>;

export interface Message {
  readonly from: string;
  readonly to: string;
  /** Unix seconds. */
  readonly at: number;
}

interface DataFile {
  readonly name: string;
  readonly where: string;
}

const FRIENDS: DataFile = {
  name: 'facebook-friends.txt',
  where: 'https://snap.stanford.edu/data/ego-Facebook.html: facebook_combined.txt.gz, unpacked and renamed',
};
const MESSAGES: DataFile = {
  name: 'college-messages.txt',
  where: 'https://snap.stanford.edu/data/CollegeMsg.html: CollegeMsg.txt.gz, unpacked and renamed',
};

/** Throws one line that says where to get what is missing. */
export function mustHaveData(directory: string): void {
  const missing = [FRIENDS, MESSAGES].filter(({ name }) => !existsSync(join(directory, name)));
  if (missing.length === 0) return;
  const each = missing.map(({ name, where }) => `${name} (get it from ${where})`);
  throw new Error(`${directory} has no ${each.join(' and no ')}.`);
}

export function friendsFile(directory: string): string {
  return join(directory, FRIENDS.name);
}

/** The undirected edges of the file, each once. */
export function readPairs(directory: string): Pair[] {
  return readColumns(directory, FRIENDS, 2).map(([a = '', b = '']) => [a, b] as const);
}

/** In the order of time. */
export function readMessages(directory: string): Message[] {
  const messages = readColumns(directory, MESSAGES, 3).map(([from = '', to = '', at]) => ({
    from,
    to,
    at: Number(at),
  }));
  return messages.sort((a, b) => a.at - b.at);
}

/** Whoever ever wrote to each other, each pair once. */
export function pairsOf(messages: readonly Message[]): Pair[] {
  const pairs = new Map<string, Pair>();
  for (const { from, to } of messages) {
    const pair: Pair = from < to ? [from, to] : [to, from];
    if (from !== to) pairs.set(pair.join(' '), pair);
  }
  return [...pairs.values()];
}

export function friendshipsOf(pairs: readonly Pair[]): Friendships {
  const friendships = new Map<string, Set<string>>();
  const add = (a: string, b: string): void => {
    const friends = friendships.get(a);
    if (friends) friends.add(b);
    else friendships.set(a, new Set([b]));
  };
  for (const [a, b] of pairs) {
    add(a, b);
    add(b, a);
  }
  return friendships;
}

function readColumns(directory: string, { name }: DataFile, columns: number): string[][] {
  const rows: string[][] = [];
  for (const [index, line] of readFileSync(join(directory, name), 'utf8').split('\n').entries()) {
    const text = line.trim();
    if (text === '' || text.startsWith('#')) continue;
    const row = text.split(/\s+/);
    if (row.length !== columns || (columns === 3 && !/^\d+$/.test(row[2] ?? ''))) {
      throw new Error(`${name}, line ${index + 1}: expected ${columns} columns, found ${JSON.stringify(text)}.`);
    }
    rows.push(row);
  }
  return rows;
}
