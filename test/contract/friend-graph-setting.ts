import type { FriendGraph } from '../../src/friends/port.ts';
import type { Relation } from '../../src/friends/relation.ts';

/** One graph in which two nodes work. With an engine of one process both are the same object. */
export interface SharedGraph {
  readonly here: FriendGraph;
  readonly there: FriendGraph;
  close(): Promise<void>;
}

export const HOSTILE_IDS = [
  '__proto__',
  'constructor',
  'toString',
  'a:b',
  '{friends}',
  '}{',
  'with some space',
  ' ',
  '日本語',
  'e\u0301',
  'é',
  // By code units this emoji comes before the one that follows it; by code points or bytes, after it.
  '😀',
  '\uffee',
  '\u0000',
  'line\nbreak',
  '"quoted", \\escaped\\ and /slashed/',
  '0',
  '-1',
  '007',
  'x'.repeat(256),
];

let lives = 0;

/** Names that no other test uses. */
export function people<const Names extends string[]>(...names: Names): { [N in keyof Names]: string } {
  lives++;
  // TypeScript forgets that `map` keeps the length.
  return names.map((name) => `${name}.${lives}`) as { [N in keyof Names]: string };
}

/** `count` people around `user`, in code unit order. */
export function crowd(user: string, count: number): string[] {
  return Array.from({ length: count }, (_, n) => `${user}-${String(n).padStart(5, '0')}`);
}

/** The list of `userId`, without versions. */
export async function lines(graph: FriendGraph, userId: string): Promise<[string, Relation][]> {
  return (await graph.list(userId)).entries.map(({ id, relation }) => [id, relation]);
}

export async function relation(graph: FriendGraph, userId: string, other: string): Promise<Relation | undefined> {
  return (await graph.relations(userId, [other]))[0];
}
