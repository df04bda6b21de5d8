import type { PresenceRecord } from '../../presence/record.ts';
import { NEVER, type Revision } from '../../presence/time.ts';

/**
 * A record as the commit script takes it: the revision that the new one has to exceed first, where the script finds it and
 * puts another in its place, as it does with each UNCOMMITTED one. That is the record's own, or `atLeast` if that is later.
 */
export function writeRecord(record: PresenceRecord, atLeast: Revision = NEVER): string {
  if (record.rev >= atLeast) {
    const text = JSON.stringify(record);
    if (text.startsWith('{"rev":')) return text;
  }
  const { rev, ...rest } = record;
  return JSON.stringify({ rev: Math.max(rev, atLeast), ...rest });
}

/** Throws for text that is no record. */
export function readRecord(text: string): PresenceRecord {
  const record: unknown = JSON.parse(text);
  if (!isRecord(record)) throw new SyntaxError('This is no record of presence.');
  return record;
}

/** Only the commit script writes records, and it writes whole ones: this tells them from what is something else. */
export function isRecord(value: unknown): value is PresenceRecord {
  return (
    typeof value === 'object' &&
    value !== null &&
    'rev' in value &&
    Number.isSafeInteger(value.rev) &&
    'sessions' in value &&
    Array.isArray(value.sessions) &&
    'everyone' in value &&
    'apart' in value
  );
}
