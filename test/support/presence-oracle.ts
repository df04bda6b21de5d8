import type { Binding, ClientKind, CustomStatus, PresenceStatus } from '../../src/presence/record.ts';
import type { Rules } from '../../src/presence/rules.ts';
import type { Millis } from '../../src/presence/time.ts';
import type { Event } from './presence-arbitraries.ts';
import type { Shown } from './presence-world.ts';

/**
 * What rules 1, 2 and 7 say, computed without a record: every answer is looked up anew in the whole history. A history
 * is what has happened so far, in order; `now` is not before its last event.
 */
type History = readonly Event[];

interface LiveSession {
  readonly client: ClientKind;
  /** When it said ACTIVE; null since it said IDLE. */
  readonly activeAt: Millis | null;
  /** A connection, or when the lease ends. */
  readonly keptBy: Binding | Millis;
}

/** Rule 2: one session at `now`, from all that was ever said of it. */
function sessionAt(history: History, id: string, now: Millis, rules: Rules): LiveSession | null {
  let live: LiveSession | null = null;
  for (const event of history) live = unlessOver(said(unlessOver(live, event.at), id, event, rules), event.at);
  return unlessOver(live, now);
}

function unlessOver(live: LiveSession | null, now: Millis): LiveSession | null {
  return live !== null && typeof live.keptBy === 'number' && live.keptBy <= now ? null : live;
}

function said(live: LiveSession | null, id: string, { at, command }: Event, rules: Rules): LiveSession | null {
  const connection = live === null || typeof live.keptBy === 'number' ? null : live.keptBy;
  switch (command.type) {
    case 'heartbeat': {
      if (command.sessionId !== id) return live;
      const activeAt = command.activity === 'ACTIVE' ? at : null;
      return { client: command.client, activeAt, keptBy: command.binding ?? connection ?? at + rules.leaseMs };
    }
    case 'reassert': {
      const { session, binding } = command;
      if (session.id !== id) return live;
      if (connection && ![binding.node, session.binding?.node].includes(connection.node)) return live;
      const activeAt = session.activity === 'ACTIVE' ? session.lastActiveAt : null;
      return { ...(live ?? { client: session.client, activeAt }), keptBy: binding };
    }
    case 'disconnect': {
      const { node, connection: name } = command.binding;
      if (live === null || connection?.node !== node || connection.connection !== name) return live;
      return { ...live, keptBy: at + rules.graceMs };
    }
    case 'nodeLost':
      if (live === null || connection?.node !== command.node) return live;
      return { ...live, keptBy: command.renewedAt + rules.leaseMs };
    case 'endSession':
      return command.sessionId === id ? null : live;
    default:
      return live;
  }
}

function sessionsAt(history: History, now: Millis, rules: Rules): { client: ClientKind; active: boolean }[] {
  const ids = new Set<string>();
  for (const { command } of history) {
    if (command.type === 'heartbeat') ids.add(command.sessionId);
    if (command.type === 'reassert') ids.add(command.session.id);
  }
  return [...ids].flatMap((id) => {
    const live = sessionAt(history, id, now, rules);
    if (live === null) return [];
    return [{ client: live.client, active: live.activeAt !== null && now < live.activeAt + rules.awayAfterMs }];
  });
}

/** Rule 1: the status of the override that counts. Going backwards, the first of a priority is its newest. */
function overrideAt(history: History, now: Millis): PresenceStatus | null {
  const settled = new Set<string>();
  let top: { priority: number; status: PresenceStatus } | null = null;
  for (const { command } of history.toReversed()) {
    if (command.type !== 'setOverride' && command.type !== 'clearOverride') continue;
    if (settled.has(command.source)) continue;
    settled.add(command.source);
    if (command.type === 'clearOverride') continue;
    if (command.expiresAt !== null && command.expiresAt <= now) continue;
    if (top === null || command.priority > top.priority) top = command;
  }
  return top?.status ?? null;
}

function customStatusAt(history: History, now: Millis): CustomStatus | null {
  for (const { command } of history.toReversed()) {
    if (command.type !== 'setCustomStatus') continue;
    const { text, emoji, expiresAt } = command;
    const over = expiresAt !== null && expiresAt <= now;
    return over || (text === null && emoji === null) ? null : { text, emoji, expiresAt };
  }
  return null;
}

/** Whether the user is hidden from `viewer`, by whatever means. */
export function hiddenAt(history: History, viewer: string, now: Millis): boolean {
  let invisible = false;
  let hidden = false;
  for (const { command } of history) {
    if (command.type !== 'setVisibility') continue;
    invisible = command.invisible ?? invisible;
    hidden = (hidden || command.hideFrom.includes(viewer)) && !command.showTo.includes(viewer);
  }
  return invisible || hidden || overrideAt(history, now) === 'OFFLINE';
}

/** One moment at which a viewer could look: the deadlines of a millisecond come first, then its events, one by one. */
interface Moment {
  readonly at: Millis;
  readonly history: History;
}

function* moments(events: readonly Event[], start: Millis, end: Millis): Generator<Moment> {
  let happened = 0;
  for (let at = start; at <= end; at += 1) {
    yield { at, history: events.slice(0, happened) };
    while (happened < events.length && events[happened]?.at === at) {
      happened += 1;
      yield { at, history: events.slice(0, happened) };
    }
  }
}

/** What `viewer` is shown after the last of `events`, by looking at every millisecond since `start`. */
export function expectedView(events: readonly Event[], viewer: string, start: Millis, rules: Rules): Shown {
  let before: Shown = { status: 'OFFLINE', since: null, lastActiveAt: null, clients: [], customStatus: null };
  /** The last activity that the viewer may know of. */
  let known: Millis | null = null;
  for (const { at, history } of moments(events, start, events.at(-1)?.at ?? start)) {
    const hidden = hiddenAt(history, viewer, at);
    const sessions = sessionsAt(history, at, rules);
    const active = sessions.some((session) => session.active);
    if (!hidden && history.at(-1)?.at === at && tellsOfActivity(history)) known = at;

    const offline = hidden || sessions.length === 0;
    const status = offline ? 'OFFLINE' : (overrideAt(history, at) ?? (active ? 'ONLINE' : 'AWAY'));
    const clients = offline ? [] : [...new Set(sessions.map(({ client }) => client))].sort();
    const frozen = before.customStatus;
    const kept = frozen?.expiresAt != null && frozen.expiresAt <= at ? null : frozen;
    const customStatus = hidden ? kept : customStatusAt(history, at);

    if (JSON.stringify([status, clients, customStatus]) === JSON.stringify(contents(before))) continue;
    if (before.status === 'OFFLINE' && !offline && (active || known === null)) known = at;
    const lastActiveAt = before.status === 'OFFLINE' && offline ? before.lastActiveAt : known;
    const since = status === before.status ? before.since : at;
    before = { status, since, lastActiveAt, clients, customStatus };
  }
  return before;
}

function contents({ status, clients, customStatus }: Shown): unknown[] {
  return [status, clients, customStatus];
}

/** The last event is a sign of activity: the client says so, or nothing was ever heard of the user before. */
function tellsOfActivity(history: History): boolean {
  const last = history.at(-1)?.command;
  if (last?.type !== 'heartbeat') return false;
  const earlier = history.slice(0, -1).some(({ command: { type } }) => type === 'heartbeat' || type === 'reassert');
  return last.activity === 'ACTIVE' || !earlier;
}

/** The milliseconds that lie inside a time of hiding from `viewer`: neither its first nor the one that ends it. */
export function secretTimes(events: readonly Event[], viewer: string, start: Millis): Set<Millis> {
  const secret = new Set<Millis>();
  let hiddenBefore = false;
  let current = start;
  let hiddenThroughout = false;
  for (const { at, history } of moments(events, start, events.at(-1)?.at ?? start)) {
    if (at !== current) {
      if (hiddenThroughout) secret.add(current);
      current = at;
      hiddenThroughout = hiddenBefore;
    }
    hiddenBefore = hiddenAt(history, viewer, at);
    hiddenThroughout &&= hiddenBefore;
  }
  return secret;
}
