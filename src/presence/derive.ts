import type { ClientKind, Override, PresenceRecord, PresenceStatus, Session } from './record.ts';
import type { Rules } from './rules.ts';
import { type Millis, toMillis } from './time.ts';

/** What a record amounts to before anything is hidden. */
export interface Derived {
  readonly status: PresenceStatus;
  readonly clients: readonly ClientKind[];
  /** Some session is active. */
  readonly active: boolean;
  /** An override says OFFLINE, so the user is hidden from all for as long as it is the topmost. */
  readonly concealed: boolean;
}

/** Rule 1, for a settled record: one that holds nothing whose deadline has passed. */
export function derive(record: PresenceRecord): Derived {
  const active = record.sessions.some((session) => session.activity === 'ACTIVE');
  const override = topmost(record.overrides);
  const concealed = override?.status === 'OFFLINE';
  if (record.sessions.length === 0) return { status: 'OFFLINE', clients: [], active, concealed };
  if (concealed) return { status: 'OFFLINE', clients: [], active, concealed };
  const clients = [...new Set(record.sessions.map((session) => session.client))].sort();
  return { status: override?.status ?? (active ? 'ONLINE' : 'AWAY'), clients, active, concealed };
}

/** The override with the highest priority, the newest among equals. */
export function topmost(overrides: readonly Override[]): Override | null {
  let top: Override | null = null;
  for (const override of overrides) if (top === null || override.priority >= top.priority) top = override;
  return top;
}

/** Highest priority first, the newest first among equals. */
export function byPrecedence(overrides: readonly Override[]): Override[] {
  return overrides.toReversed().sort((a, b) => b.priority - a.priority);
}

/** When the session turns idle by itself; null when it is idle already. */
export function idleAt(session: Session, rules: Rules): Millis | null {
  return session.activity === 'ACTIVE' ? session.lastActiveAt + rules.awayAfterMs : null;
}

/** The next moment at which time alone changes the record, or null. */
export function nextDeadline(record: PresenceRecord, rules: Rules): Millis | null {
  let earliest = Number.POSITIVE_INFINITY;
  const consider = (at: Millis | null | undefined): void => {
    if (at !== null && at !== undefined && at < earliest) earliest = at;
  };
  for (const session of record.sessions) {
    consider(session.expiresAt);
    consider(idleAt(session, rules));
  }
  for (const override of record.overrides) consider(override.expiresAt);
  consider(record.customStatus?.expiresAt);
  consider(record.everyone.view.customStatus?.expiresAt);
  for (const audience of Object.values(record.apart)) consider(audience.view.customStatus?.expiresAt);
  return earliest === Number.POSITIVE_INFINITY ? null : earliest;
}

/** A record's time never runs back, even where the store's clock did. */
export function notBefore(record: PresenceRecord, now: Millis): Millis {
  return Math.max(now, toMillis(record.rev));
}
