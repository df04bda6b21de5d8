import type { PresenceRecord, UserId } from '../../presence/record.ts';
import type { Change } from '../../redis/channel.ts';
import { isRecord } from './record-text.ts';

/** What the commit script publishes. */
export interface PublishedChange extends Change {
  readonly id: UserId;
  readonly record: PresenceRecord;
}

/** Throws SyntaxError for anything else. */
export function parsePublished(message: string): PublishedChange {
  const value: unknown = JSON.parse(message);
  if (typeof value !== 'object' || value === null) throw new SyntaxError('A published change is an object.');
  const { epoch, seq, id, record } = value as Partial<Record<'epoch' | 'seq' | 'id' | 'record', unknown>>;
  if (typeof epoch !== 'string' || typeof seq !== 'number' || typeof id !== 'string' || !isRecord(record)) {
    throw new SyntaxError('A published change has an epoch, a sequence, an id and a record.');
  }
  return { epoch, seq, rev: record.rev, id, record };
}
