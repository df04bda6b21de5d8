import { badInput, limitExceeded } from '../errors.ts';
import type { Command } from './command.ts';
import { derive, nextDeadline, notBefore } from './derive.ts';
import {
  type Audience,
  type Binding,
  type Choice,
  mapValues,
  type Override,
  type PresenceRecord,
  type Session,
  sameCustomStatus,
  type UserId,
} from './record.ts';
import { MAX_HIDDEN_FROM, MAX_OVERRIDES, MAX_SESSIONS, type Rules } from './rules.ts';
import { advance, conceals, settle } from './settle.ts';
import { later, type Millis, UNCOMMITTED } from './time.ts';

export interface Transition {
  /** The same object as before when the command changed nothing at all: there is nothing to commit. */
  readonly record: PresenceRecord;
  /** When to look at the record again, or null. */
  readonly wakeAt: Millis | null;
  /** Somebody, the user included, may see a difference. A lease that only grew longer is none. */
  readonly visible: boolean;
}

/**
 * The one reducer: all deadlines up to `now`, then `command` at `now`. Pure; throws RollcallError for a command that
 * cannot be obeyed, and then nothing has happened.
 */
export function transition(record: PresenceRecord, command: Command, now: Millis, rules: Rules): Transition {
  const at = notBefore(record, now);
  const advanced = advance(record, at, rules);
  const obeyed = obey(advanced, command, at, rules);
  const choice = obeyed === advanced ? undefined : CHOICES[command.type];
  const next = settle(choice ? chosenNow(obeyed, choice) : obeyed, at, rules);
  return { record: next, wakeAt: nextDeadline(next, rules), visible: differs(record, next) };
}

const CHOICES: Readonly<Partial<Record<Command['type'], Choice>>> = {
  setOverride: 'overrides',
  clearOverride: 'overrides',
  setCustomStatus: 'customStatus',
  setVisibility: 'visibility',
};

function chosenNow(record: PresenceRecord, choice: Choice): PresenceRecord {
  return { ...record, chosen: { ...record.chosen, [choice]: { rev: UNCOMMITTED } } };
}

function obey(record: PresenceRecord, command: Command, now: Millis, rules: Rules): PresenceRecord {
  switch (command.type) {
    case 'heartbeat': {
      const known = record.sessions.find((session) => session.id === command.sessionId);
      const claim = command.binding && opened(command.binding, now, command.connectedMs);
      if (isOutdated(claim, known?.binding ?? null)) return record;
      const binding = claim ?? known?.binding ?? null;
      const active = command.activity === 'ACTIVE';
      const session: Session = {
        id: command.sessionId,
        client: command.client,
        activity: command.activity,
        lastActiveAt: active ? now : (known?.lastActiveAt ?? record.lastActiveAt ?? now),
        expiresAt: binding ? null : now + rules.leaseMs,
        binding,
      };
      const begun = withoutEnded(record, command.sessionId);
      const seen = active || record.lastActiveAt === null ? noteActivity(begun, now) : begun;
      return withSession(seen, session);
    }
    case 'reassert':
      return reassert(record, command.session, opened(command.binding, now, command.connectedMs));
    case 'disconnect':
      return unbind(record, (binding) => sameBinding(binding, command.binding), now + rules.graceMs);
    case 'nodeLost':
      return unbind(record, (binding) => binding.node === command.node, command.renewedAt + rules.leaseMs);
    case 'endSession':
      return endSession(record, command.sessionId);
    case 'setOverride': {
      mustBeAhead(command.expiresAt, now);
      const { type: _, ...override } = command;
      const newest = record.overrides.at(-1);
      if (newest && sameOverride(newest, override)) return record;
      const others = record.overrides.filter(({ source }) => source !== command.source);
      if (others.length >= MAX_OVERRIDES) throw limitExceeded(`At most ${MAX_OVERRIDES} overrides may be set at once.`);
      return { ...record, overrides: [...others, override] };
    }
    case 'clearOverride': {
      const overrides = record.overrides.filter(({ source }) => source !== command.source);
      return overrides.length === record.overrides.length ? record : { ...record, overrides };
    }
    case 'setCustomStatus': {
      mustBeAhead(command.expiresAt, now);
      const { type: _, ...given } = command;
      const customStatus = given.text === null && given.emoji === null ? null : given;
      return sameCustomStatus(customStatus, record.customStatus) ? record : { ...record, customStatus };
    }
    case 'setVisibility': {
      const everyone = command.invisible === null ? record.everyone : withHidden(record.everyone, command.invisible);
      const apart = hideAndShow(record, command.hideFrom, command.showTo);
      return everyone === record.everyone && apart === record.apart ? record : { ...record, everyone, apart };
    }
    case 'tick':
      return record;
    default:
      return command satisfies never;
  }
}

function withSession(record: PresenceRecord, session: Session): PresenceRecord {
  const index = record.sessions.findIndex(({ id }) => id === session.id);
  const known = record.sessions[index];
  if (known)
    return sameSession(known, session) ? record : { ...record, sessions: record.sessions.with(index, session) };
  if (record.sessions.length >= MAX_SESSIONS) throw limitExceeded(`At most ${MAX_SESSIONS} sessions may live at once.`);
  return { ...record, sessions: [...record.sessions, session] };
}

function endSession(record: PresenceRecord, sessionId: string): PresenceRecord {
  const session = record.sessions.find(({ id }) => id === sessionId);
  if (!session) return record;
  const ended = session.binding ? [...record.ended, sessionId].slice(-MAX_SESSIONS) : record.ended;
  return { ...record, sessions: record.sessions.filter((other) => other !== session), ended };
}

/** One that begins anew under its old id is no more ended. */
function withoutEnded(record: PresenceRecord, sessionId: string): PresenceRecord {
  if (!record.ended.includes(sessionId)) return record;
  return { ...record, ended: record.ended.filter((id) => id !== sessionId) };
}

/** The stored session knows best what it was doing; one that another connection keeps by now is left to it. */
function reassert(record: PresenceRecord, held: Session, binding: Binding): PresenceRecord {
  if (record.ended.includes(held.id)) return record;
  const known = record.sessions.find(({ id }) => id === held.id);
  const elsewhere = known?.binding && known.binding.node !== binding.node && known.binding.node !== held.binding?.node;
  if (elsewhere && !isLater(binding, known.binding, 0)) return record;
  const session: Session = { ...(known ?? held), expiresAt: null, binding };
  const lastActiveAt = later(session.lastActiveAt, record.lastActiveAt);
  return withSession(lastActiveAt === record.lastActiveAt ? record : { ...record, lastActiveAt }, session);
}

/** How much later a connection must have been opened to be certainly the later one: nodes' ideas of the time differ. */
const OPENED_APART_MS: Millis = 1_000;

/** By the record's time, which never runs back: no clock can make a new connection look like an old one. */
function opened(binding: Binding, now: Millis, connectedMs: Millis | undefined): Binding {
  return connectedMs === undefined ? binding : { ...binding, openedAt: Math.floor(now - connectedMs) };
}

/**
 * What is said over a connection that the client had given up for the one that keeps the session now: it was held up on
 * its way, and is no more true.
 */
function isOutdated(binding: Binding | null, kept: Binding | null): boolean {
  return binding !== null && kept !== null && isLater(kept, binding, OPENED_APART_MS);
}

/** Whether `a` was certainly opened more than `byMs` after `b`. */
function isLater(a: Binding, b: Binding, byMs: Millis): boolean {
  return a.openedAt !== undefined && b.openedAt !== undefined && a.openedAt > b.openedAt + byMs;
}

/** The user did something at `now`: known to the user, and to each audience that is not kept from knowing. */
function noteActivity(record: PresenceRecord, now: Millis): PresenceRecord {
  const derived = derive(record);
  const note = (audience: Audience): Audience => {
    const activeAt = later(now, audience.activeAt);
    return conceals(record, audience, derived) || activeAt === audience.activeAt ? audience : { ...audience, activeAt };
  };
  const lastActiveAt = later(now, record.lastActiveAt);
  const everyone = note(record.everyone);
  const apart = mapValues(record.apart, note);
  const known = lastActiveAt === record.lastActiveAt && everyone === record.everyone && apart === record.apart;
  return known ? record : { ...record, lastActiveAt, everyone, apart };
}

function unbind(record: PresenceRecord, lost: (binding: Binding) => boolean, expiresAt: Millis): PresenceRecord {
  if (!record.sessions.some(({ binding }) => binding && lost(binding))) return record;
  const sessions = record.sessions.map((session) =>
    session.binding && lost(session.binding) ? { ...session, binding: null, expiresAt } : session,
  );
  return { ...record, sessions };
}

function hideAndShow(
  record: PresenceRecord,
  hideFrom: readonly UserId[],
  showTo: readonly UserId[],
): PresenceRecord['apart'] {
  const before = new Map(Object.entries(record.apart));
  const apart = new Map(before);
  const shown = new Set(showTo);
  for (const viewer of hideFrom) {
    if (!shown.has(viewer)) apart.set(viewer, withHidden(apart.get(viewer) ?? record.everyone, true));
  }
  for (const viewer of shown) {
    const audience = apart.get(viewer);
    if (audience) apart.set(viewer, withHidden(audience, false));
  }
  if (apart.size > MAX_HIDDEN_FROM && apart.size > before.size) {
    throw limitExceeded(`At most ${MAX_HIDDEN_FROM} people may be hidden from at once.`);
  }
  const same = apart.size === before.size && [...apart].every(([viewer, audience]) => audience === before.get(viewer));
  return same ? record.apart : Object.fromEntries(apart);
}

function withHidden(audience: Audience, hidden: boolean): Audience {
  return audience.hidden === hidden ? audience : { ...audience, hidden };
}

function sameSession(a: Session, b: Session): boolean {
  return (
    a.client === b.client &&
    a.activity === b.activity &&
    a.lastActiveAt === b.lastActiveAt &&
    a.expiresAt === b.expiresAt &&
    (a.binding === null || b.binding === null ? a.binding === b.binding : sameBinding(a.binding, b.binding))
  );
}

function sameOverride(a: Override, b: Override): boolean {
  return a.source === b.source && a.status === b.status && a.priority === b.priority && a.expiresAt === b.expiresAt;
}

function sameBinding(a: Binding, b: Binding): boolean {
  return a.node === b.node && a.connection === b.connection;
}

function mustBeAhead(expiresAt: Millis | null, now: Millis): void {
  if (expiresAt !== null && expiresAt <= now) throw badInput('expiresAt', 'expiresAt must be in the future.');
}

function differs(before: PresenceRecord, after: PresenceRecord): boolean {
  return (
    before.everyone.view !== after.everyone.view ||
    before.everyone.hidden !== after.everyone.hidden ||
    before.overrides !== after.overrides ||
    before.customStatus !== after.customStatus ||
    differentApart(before.apart, after.apart) ||
    differentSessions(before.sessions, after.sessions)
  );
}

function differentApart(before: PresenceRecord['apart'], after: PresenceRecord['apart']): boolean {
  if (before === after) return false;
  const viewers = Object.keys(after);
  if (viewers.length !== Object.keys(before).length) return true;
  return viewers.some((viewer) => {
    const was = Object.hasOwn(before, viewer) ? before[viewer] : undefined;
    const is = after[viewer];
    return was?.view !== is?.view || was?.hidden !== is?.hidden;
  });
}

/** Leases and activity times are left out: they move with every heartbeat. */
function differentSessions(before: readonly Session[], after: readonly Session[]): boolean {
  if (before === after) return false;
  return (
    before.length !== after.length ||
    after.some((session, index) => {
      const was = before[index];
      return (
        was?.id !== session.id ||
        was.client !== session.client ||
        was.activity !== session.activity ||
        (was.binding === null) !== (session.binding === null)
      );
    })
  );
}
