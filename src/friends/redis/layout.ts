import type { UserId } from '../../presence/record.ts';
import { NEVER, type Revision } from '../../presence/time.ts';
import type { FriendEntry, FriendList } from '../port.ts';
import type { Pair, Relation } from '../relation.ts';

/*
 * How the friend graph lies in Redis: a hash for each user's list, with a field for each other id, which holds the version
 * at which the line last changed and, as its last digit, the relation. That is a whole number, which Redis keeps in ten
 * bytes as long as the list is no longer than its `hash-max-listpack-entries`, 512 by default. The field without a name
 * holds the list's version, its floor and how many of its lines are tombstones.
 *
 * All keys share the hash tag {friends} and thereby one slot of Redis Cluster, because both sides of a pair must change
 * together, and only a script whose keys are in one slot can do that. The price: one master holds and serves the whole
 * graph, however large the cluster. With UUIDs for ids a friendship takes some 110 bytes, and a list of 200 can be read
 * some ten thousand times a second (Redis 7.0), which is done when a viewer connects and when a list changes. A product
 * that outgrows this keeps its lists in PostgreSQL (DATABASE_URL).
 */
const GRAPH = 'rollcall:{friends}';

/** Carries whose lists have changed. */
export const CHANGES = `${GRAPH}:changes`;

/** Counts what is published on it, as the head of a partition does: `revision seq epoch floor deadline`. */
export const HEAD = `${GRAPH}:head`;

/** Whose lists changed last, by the count of the change. */
export const LOG = `${GRAPH}:log`;

/** A published change: the lists of `ids` are other ones than before. */
export interface ListsChange {
  readonly epoch: string;
  readonly seq: number;
  readonly rev: Revision;
  readonly ids: readonly UserId[];
}

/** Throws SyntaxError for anything else. */
export function parseListsChange(message: string): ListsChange {
  const value: unknown = JSON.parse(message);
  const { epoch, seq, rev, ids } = (value ?? {}) as Partial<Record<keyof ListsChange, unknown>>;
  if (typeof epoch !== 'string' || typeof seq !== 'number' || typeof rev !== 'number' || !Array.isArray(ids)) {
    throw new SyntaxError('A change of friend lists has an epoch, a sequence, a revision and ids.');
  }
  return { epoch, seq, rev, ids: ids.map(String) };
}

export function listKey(userId: UserId): string {
  return `${GRAPH}:list:${userId}`;
}

/** The relation's digit is its place here. The stored lists depend on it, so no place may ever change. */
const RELATIONS: readonly Relation[] = ['none', 'requested', 'incoming', 'friend', 'blocked'];

const DIGITS: Record<Relation, string> = { none: '0', requested: '1', incoming: '2', friend: '3', blocked: '4' };

export function encodePair(pair: Pair): string {
  return DIGITS[pair.mine] + DIGITS[pair.theirs];
}

/** Throws for what is not two digits of relations. */
export function decodePair(digits: string): Pair {
  return { mine: decodeRelation(digits.slice(0, 1)), theirs: decodeRelation(digits.slice(1)) };
}

/** `line` is a field of a list, or null where there is none. */
export function relationOf(line: string | null | undefined): Relation {
  return line === null || line === undefined ? 'none' : decodeRelation(line.slice(-1));
}

function decodeRelation(digit: string): Relation {
  const relation = RELATIONS[Number(digit)];
  if (relation === undefined || digit === '')
    throw new Error(`The friend graph in Redis holds an unknown relation: ${digit}`);
  return relation;
}

/** `fields` are names and values of the whole hash in turn, as HGETALL gives them. */
export function decodeList(fields: readonly string[]): FriendList {
  let [version, floor] = [NEVER, NEVER];
  const entries: FriendEntry[] = [];
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const [id = '', line = ''] = [fields[at], fields[at + 1]];
    if (id === '') [version = NEVER, floor = NEVER] = line.split(' ').map(Number);
    else entries.push({ id, relation: relationOf(line), version: Number(line.slice(0, -1)) });
  }
  entries.sort((a, b) => (a.id < b.id ? -1 : 1));
  return { version, floor, entries };
}
