import type { PresenceRecord } from '../../presence/record.ts';

/**
 * A record as the commit script takes it: the record's own revision first, where the script finds it and puts another in
 * its place, as it does with each UNCOMMITTED one.
 */
export function writeRecord(record: PresenceRecord): string {
  const text = JSON.stringify(record);
  if (text.startsWith('{"rev":')) return text;
  const { rev, ...rest } = record;
  return JSON.stringify({ rev, ...rest });
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
