import type { PresenceRecord } from './record.ts';
import type { Millis } from './time.ts';

/**
 * The record in which sessions whose lease has run out by `now` live until `until`: for a time in which nobody could
 * renew it. The same object when there are none.
 */
export function spare(record: PresenceRecord, now: Millis, until: Millis): PresenceRecord {
  if (!record.sessions.some(({ expiresAt }) => expiresAt !== null && expiresAt <= now)) return record;
  const sessions = record.sessions.map((session) =>
    session.expiresAt !== null && session.expiresAt <= now ? { ...session, expiresAt: until } : session,
  );
  return { ...record, sessions };
}
