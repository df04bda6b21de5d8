import { nextDeadline, topmost } from './derive.ts';
import type { Override, PresenceRecord, PresenceStatus, Session } from './record.ts';
import type { Rules } from './rules.ts';
import { settle } from './settle.ts';
import type { Millis } from './time.ts';

export const PRESENCE_REASONS = ['INVISIBLE', 'OVERRIDE', 'ACTIVE_SESSION', 'IDLE_SESSIONS', 'NO_SESSION'] as const;
export type PresenceReason = (typeof PRESENCE_REASONS)[number];

/** Why everyone is shown this status, and what time alone will make of it. */
export interface Explanation {
  readonly status: PresenceStatus;
  readonly reason: PresenceReason;
  /** The session that speaks for the user: the most recently active one, among the active ones if there are any. */
  readonly session: Session | null;
  readonly override: Override | null;
  /** The status that comes next if nothing happens; null when it stays. */
  readonly nextStatus: PresenceStatus | null;
  readonly nextTransitionAt: Millis | null;
}

export function explain(record: PresenceRecord, rules: Rules): Explanation {
  const override = record.sessions.length > 0 ? topmost(record.overrides) : null;
  const session = spokesman(record.sessions);
  return {
    status: record.everyone.view.status,
    reason: reasonFor(record, override, session),
    session,
    override,
    ...upcoming(record, rules),
  };
}

function reasonFor(record: PresenceRecord, override: Override | null, session: Session | null): PresenceReason {
  if (record.everyone.hidden) return 'INVISIBLE';
  if (session === null) return 'NO_SESSION';
  if (override !== null) return 'OVERRIDE';
  return session.activity === 'ACTIVE' ? 'ACTIVE_SESSION' : 'IDLE_SESSIONS';
}

function spokesman(sessions: readonly Session[]): Session | null {
  const rank = (session: Session): number => (session.activity === 'ACTIVE' ? 1 : 0);
  let best: Session | null = null;
  for (const session of sessions) {
    const ahead =
      best === null ||
      rank(session) > rank(best) ||
      (rank(session) === rank(best) && session.lastActiveAt > best.lastActiveAt);
    if (ahead) best = session;
  }
  return best;
}

function upcoming(record: PresenceRecord, rules: Rules): Pick<Explanation, 'nextStatus' | 'nextTransitionAt'> {
  let future = record;
  for (;;) {
    const at = nextDeadline(future, rules);
    if (at === null) return { nextStatus: null, nextTransitionAt: null };
    future = settle(future, at, rules);
    const status = future.everyone.view.status;
    if (status !== record.everyone.view.status) return { nextStatus: status, nextTransitionAt: at };
  }
}
