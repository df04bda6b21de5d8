import { type Derived, derive, idleAt, nextDeadline } from './derive.ts';
import {
  type Audience,
  type CustomStatus,
  type PresenceRecord,
  type Session,
  sameClients,
  sameCustomStatus,
  sameView,
} from './record.ts';
import type { Rules } from './rules.ts';
import { later, type Millis, UNCOMMITTED } from './time.ts';

/**
 * Applies every deadline up to `now` in its order, each at its own moment, so that the outcome does not depend on when
 * somebody came round to look.
 */
export function advance(record: PresenceRecord, now: Millis, rules: Rules): PresenceRecord {
  let advanced = record;
  for (;;) {
    const at = nextDeadline(advanced, rules);
    if (at === null || at > now) return advanced;
    advanced = settle(advanced, at, rules);
  }
}

/** Drops what ends at or before `now` and brings every audience's view up to date. The same object when nothing changed. */
export function settle(record: PresenceRecord, now: Millis, rules: Rules): PresenceRecord {
  const sessions = keepIfSame(record.sessions, liveSessions(record.sessions, now, rules));
  const overrides = keepIfSame(
    record.overrides,
    record.overrides.filter((override) => !ended(override.expiresAt, now)),
  );
  const customStatus = unexpired(record.customStatus, now);
  const current =
    sessions === record.sessions && overrides === record.overrides && customStatus === record.customStatus
      ? record
      : { ...record, sessions, overrides, customStatus };

  const derived = derive(current);
  const everyone = evolve(current, current.everyone, derived, now);
  const apart = evolveApart({ ...current, everyone }, derived, now);
  return everyone === current.everyone && apart === current.apart ? current : { ...current, everyone, apart };
}

/** Whether `audience` may learn nothing of what the user does now. */
export function conceals(record: PresenceRecord, audience: Audience, derived: Derived): boolean {
  return record.everyone.hidden || audience.hidden || derived.concealed;
}

function evolve(record: PresenceRecord, audience: Audience, derived: Derived, now: Millis): Audience {
  const before = audience.view;
  const concealed = conceals(record, audience, derived);
  const status = concealed ? 'OFFLINE' : derived.status;
  const clients = concealed ? [] : derived.clients;
  const customStatus = concealed ? unexpired(before.customStatus, now) : record.customStatus;
  if (
    status === before.status &&
    sameClients(clients, before.clients) &&
    sameCustomStatus(customStatus, before.customStatus)
  ) {
    return audience;
  }
  // Whoever comes online does so by activity, so one who comes out of hiding while active looks just like that; and
  // so does one of whom this audience has never seen anything.
  const appears = before.status === 'OFFLINE' && status !== 'OFFLINE';
  const arrives = appears && (derived.active || audience.activeAt === null);
  const activeAt = arrives ? later(now, audience.activeAt) : audience.activeAt;
  const since = status === before.status ? before.since : later(now, before.since);
  const view = { rev: UNCOMMITTED, status, since, lastActiveAt: activeAt, clients, customStatus };
  return { ...audience, activeAt, view };
}

function evolveApart(record: PresenceRecord, derived: Derived, now: Millis): PresenceRecord['apart'] {
  let changed = false;
  const entries: [string, Audience][] = [];
  for (const viewer in record.apart) {
    const audience = record.apart[viewer] as Audience;
    const next = evolve(record, audience, derived, now);
    if (!next.hidden && indistinguishable(next, record.everyone)) {
      changed = true;
    } else {
      if (next !== audience) changed = true;
      entries.push([viewer, next]);
    }
  }
  return changed ? Object.fromEntries(entries) : record.apart;
}

/** Whoever is moved from one audience to the other cannot tell, not even by a revision that goes back or on. */
function indistinguishable(a: Audience, b: Audience): boolean {
  return a.activeAt === b.activeAt && a.view.rev === b.view.rev && sameView(a.view, b.view);
}

function liveSessions(sessions: readonly Session[], now: Millis, rules: Rules): Session[] {
  const live: Session[] = [];
  for (const session of sessions) {
    if (ended(session.expiresAt, now)) continue;
    live.push(ended(idleAt(session, rules), now) ? { ...session, activity: 'IDLE' } : session);
  }
  return live;
}

function ended(at: Millis | null, now: Millis): boolean {
  return at !== null && at <= now;
}

function unexpired(customStatus: CustomStatus | null, now: Millis): CustomStatus | null {
  return customStatus !== null && ended(customStatus.expiresAt, now) ? null : customStatus;
}

function keepIfSame<T>(before: readonly T[], after: readonly T[]): readonly T[] {
  return before.length === after.length && before.every((item, index) => item === after[index]) ? before : after;
}
