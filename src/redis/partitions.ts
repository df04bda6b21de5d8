import type { UserId } from '../presence/record.ts';

export const DEFAULT_PARTITIONS = 64;

/** Belongs to no partition: what a dataset is called and how many partitions it has. */
export const META_KEY = 'rollcall:meta';

/** Belongs to no partition: the leases of all nodes. */
export const NODES_KEY = 'rollcall:nodes';

/** What goes with each lease; in the slot of NODES_KEY. */
export const TERMS_KEY = 'rollcall:{rollcall:nodes}:terms';

/** In a cluster each master has a clock of its own: the one is followed by which nodes live and die. */
export const CLOCK_KEY = NODES_KEY;

/**
 * The names of a dataset's keys. All keys of a partition, and its channel, share a hash tag and thereby a slot of
 * Redis Cluster, so one script may touch them all.
 */
export class Partitions {
  readonly count: number;

  constructor(count: number) {
    if (!Number.isInteger(count) || count < 1) throw new RangeError(`${count} is no number of partitions.`);
    this.count = count;
  }

  /** The partition that a user belongs to, from 0. Stored keys depend on it: for one count it can never change. */
  of(userId: UserId): number {
    return hash(userId) % this.count;
  }

  /** A key that the partition has one of: `head`, `due`, `log` … */
  key(partition: number, kind: string): string {
    return `rollcall:{p${partition}}:${kind}`;
  }

  /** A key that belongs to one user, or to one node within the partition. */
  keyFor(partition: number, kind: string, id: string): string {
    return `rollcall:{p${partition}}:${kind}:${toText(id)}`;
  }

  /** The channel of the partition's changes. */
  channel(partition: number): string {
    return this.key(partition, 'changes');
  }
}

const encoder = new TextEncoder();

/** FNV-1a of the id's UTF-8, folded so that a small modulus uses all of its bits. */
function hash(id: string): number {
  let sum = 0x811c9dc5;
  for (let index = 0; index < id.length; index++) {
    const code = id.charCodeAt(index);
    // Encoding costs more than all the rest, and most ids do not need it.
    if (code > 0x7f) return fold(hashBytes(encoder.encode(id)));
    sum = Math.imul(sum ^ code, 0x01000193);
  }
  return fold(sum);
}

function hashBytes(bytes: Uint8Array): number {
  let sum = 0x811c9dc5;
  for (const byte of bytes) sum = Math.imul(sum ^ byte, 0x01000193);
  return sum;
}

function fold(sum: number): number {
  return (sum ^ (sum >>> 16)) >>> 0;
}

const ESCAPED = '\0';

/**
 * An id as text that survives UTF-8: half a surrogate pair would become U+FFFD there, and two ids one. Every other id
 * stands for itself.
 */
export function toText(id: string): string {
  return id.startsWith(ESCAPED) || hasLoneSurrogate(id) ? ESCAPED + JSON.stringify(id) : id;
}

/** The id that `toText` was given. Throws SyntaxError for text that it cannot have made. */
export function fromText(text: string): string {
  return text.startsWith(ESCAPED) ? String(JSON.parse(text.slice(ESCAPED.length))) : text;
}

function hasLoneSurrogate(id: string): boolean {
  return /\p{Surrogate}/u.test(id);
}
