import { createHash } from 'node:crypto';
import type { UserId } from '../presence/record.ts';
import { NEVER, type Revision } from '../presence/time.ts';

/**
 * Where a stream stood. It names a point in time, never people or states: what it gives back is decided afresh by what
 * the viewer may see when it is used, so a forged one gains nothing.
 */
export interface Position {
  /** Every view up to this revision has been shown. */
  readonly presence: Revision;
  /** The version of the viewer's friend list that has been shown. */
  readonly friends: Revision;
}

/** What a cursor is good for: this lineage of data, this viewer, this choice of friends. Anything else is an unknown cursor. */
export function cursorScope(lineage: string, viewer: UserId, only: ReadonlySet<UserId> | null): string {
  const choice = only === null ? null : [...only].sort();
  return createHash('sha256')
    .update(JSON.stringify([lineage, viewer, choice]))
    .digest('base64url')
    .slice(0, 12);
}

const FORMAT = /^1\.([\w-]{12})\.([0-9a-z]{1,11})\.([0-9a-z]{1,11})$/;

/** What all cursors of this scope begin with. It is kept with each stream, so it is made in one piece. */
export function cursorPrefix(scope: string): string {
  return ['1', scope, ''].join('.');
}

/** `presence` and `friends` are revisions, written. */
export function encodeCursor(prefix: string, presence: string, friends: string): string {
  return `${prefix}${presence}.${friends}`;
}

const RADIX = 36;
/** Two numbers below this and its square make any revision, and are written five times as fast as one beyond 2^31. */
const HALF = RADIX ** 5;

/** As it is in a cursor: with base 36. */
export function writeRevision(revision: Revision): string {
  if (revision < HALF) return revision.toString(RADIX);
  const high = Math.floor(revision / HALF);
  // The digit that is added and cut off keeps leading zeros.
  return high.toString(RADIX) + (revision - high * HALF + HALF).toString(RADIX).slice(1);
}

/** A power of two: more revisions than are shown in the same moment, as a rule. */
const TEXTS = 64;

/** Revisions, written. Many streams show the same one at once, and to write it takes longer than the rest of their cursor. */
export class RevisionTexts {
  readonly #revisions: Revision[] = Array.from({ length: TEXTS }, () => NEVER);
  readonly #texts: string[] = Array.from({ length: TEXTS }, () => writeRevision(NEVER));

  of(revision: Revision): string {
    const at = revision % TEXTS;
    if (this.#revisions[at] !== revision) {
      this.#revisions[at] = revision;
      this.#texts[at] = writeRevision(revision);
    }
    return this.#texts[at] as string;
  }
}

/** Null for a cursor that is none of ours, or of another scope. */
export function decodeCursor(scope: string, cursor: string): Position | null {
  const [, ofScope, presence, friends] = FORMAT.exec(cursor) ?? [];
  if (ofScope !== scope || presence === undefined || friends === undefined) return null;
  const position = { presence: Number.parseInt(presence, RADIX), friends: Number.parseInt(friends, RADIX) };
  return Number.isSafeInteger(position.presence) && Number.isSafeInteger(position.friends) ? position : null;
}
