import { createHash } from 'node:crypto';
import type { UserId } from '../presence/record.ts';
import type { Revision } from '../presence/time.ts';

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

export function encodeCursor(scope: string, position: Position): string {
  return `1.${scope}.${position.presence.toString(36)}.${position.friends.toString(36)}`;
}

/** Null for a cursor that is none of ours, or of another scope. */
export function decodeCursor(scope: string, cursor: string): Position | null {
  const [, ofScope, presence, friends] = FORMAT.exec(cursor) ?? [];
  if (ofScope !== scope || presence === undefined || friends === undefined) return null;
  const position = { presence: Number.parseInt(presence, 36), friends: Number.parseInt(friends, 36) };
  return Number.isSafeInteger(position.presence) && Number.isSafeInteger(position.friends) ? position : null;
}
