import { type Millis, NEVER, type Revision, UNCOMMITTED } from './time.ts';

export type UserId = string;
/** One life of one server process: a node that lost its lease goes on under a new one. */
export type NodeId = string;

export const PRESENCE_STATUSES = ['ONLINE', 'AWAY', 'DO_NOT_DISTURB', 'OFFLINE'] as const;
export type PresenceStatus = (typeof PRESENCE_STATUSES)[number];
export const CLIENT_KINDS = ['WEB', 'DESKTOP', 'MOBILE', 'OTHER'] as const;
export type ClientKind = (typeof CLIENT_KINDS)[number];
export const ACTIVITIES = ['ACTIVE', 'IDLE'] as const;
export type Activity = (typeof ACTIVITIES)[number];

/** The open connection, on one node, that keeps a session alive. */
export interface Binding {
  readonly node: NodeId;
  readonly connection: string;
  /** When the connection was opened: of two that claim one session the later one has it. Left out where unknown. */
  readonly openedAt?: Millis;
}

/** One tab or device. It lives until `expiresAt`, or, while bound, as long as its connection and that node's lease. */
export interface Session {
  readonly id: string;
  readonly client: ClientKind;
  readonly activity: Activity;
  /** When it last reported activity; before its first report, when the user was last active anywhere. */
  readonly lastActiveAt: Millis;
  /** Null exactly while bound. */
  readonly expiresAt: Millis | null;
  readonly binding: Binding | null;
}

/** A status that `source` asked for; shown instead of ONLINE or AWAY while it is the topmost. */
export interface Override {
  readonly source: string;
  readonly status: PresenceStatus;
  readonly priority: number;
  readonly expiresAt: Millis | null;
}

export interface CustomStatus {
  readonly text: string | null;
  readonly emoji: string | null;
  readonly expiresAt: Millis | null;
}

/** What somebody is shown of a user. To one viewer equal revisions mean equal contents; two viewers may see different. */
export interface View {
  /** The commit that made this view; UNCOMMITTED until the store has stamped it. */
  readonly rev: Revision;
  readonly status: PresenceStatus;
  /** When `status` last changed, as far as this audience may know; null when never seen. */
  readonly since: Millis | null;
  /** The last activity known to this audience when the view last changed; null when never seen. */
  readonly lastActiveAt: Millis | null;
  /** Kinds of client online now: distinct, in alphabetical order. */
  readonly clients: readonly ClientKind[];
  readonly customStatus: CustomStatus | null;
}

/** People to whom a user looks the same. */
export interface Audience {
  /** The user has hidden from this audience. */
  readonly hidden: boolean;
  /** The last activity that this audience may know of: it stands still while the user is hidden from it. */
  readonly activeAt: Millis | null;
  readonly view: View;
}

/** The kinds of what a user chooses: from whom to hide, overrides, the custom status. */
export type Choice = 'visibility' | 'overrides' | 'customStatus';

/** All that is stored of one user's presence. Immutable: a change makes a new one and shares what stayed. */
export interface PresenceRecord {
  readonly rev: Revision;
  readonly sessions: readonly Session[];
  /** Sessions that were ended while a connection kept them, the newest last: a node that holds one may not know yet. */
  readonly ended: readonly string[];
  /** In the order in which they were set, the newest last. */
  readonly overrides: readonly Override[];
  readonly customStatus: CustomStatus | null;
  /** For each kind the commit by which the user last chose; a kind of which they never did is left out. */
  readonly chosen?: Readonly<Partial<Record<Choice, { readonly rev: Revision }>>>;
  /** When the user was last active, hidden or not; only the user may know. */
  readonly lastActiveAt: Millis | null;
  /** All who are not set apart; `hidden` here is what the user calls invisible. */
  readonly everyone: Audience;
  /** Viewers who see something else than everyone: hidden from now, or until lately. */
  readonly apart: Readonly<Record<UserId, Audience>>;
}

const NEVER_SEEN: View = {
  rev: NEVER,
  status: 'OFFLINE',
  since: null,
  lastActiveAt: null,
  clients: [],
  customStatus: null,
};

/** The record of a user of whom nothing was ever stored. */
export const EMPTY_RECORD: PresenceRecord = {
  rev: NEVER,
  sessions: [],
  ended: [],
  overrides: [],
  customStatus: null,
  lastActiveAt: null,
  everyone: { hidden: false, activeAt: null, view: NEVER_SEEN },
  apart: {},
};

/** What `viewer`, a friend, is shown of the user whose record this is. */
export function view(record: PresenceRecord, viewer: UserId): View {
  return audienceOf(record, viewer).view;
}

export function audienceOf(record: PresenceRecord, viewer: UserId): Audience {
  return Object.hasOwn(record.apart, viewer) ? (record.apart[viewer] as Audience) : record.everyone;
}

/** Whom the user hides from one by one, in code unit order. */
export function hiddenFrom(record: PresenceRecord): UserId[] {
  return Object.keys(record.apart)
    .filter((viewer) => record.apart[viewer]?.hidden)
    .sort();
}

/** The incarnations of nodes that keep some session of this user alive. */
export function boundNodes(record: PresenceRecord): Set<NodeId> {
  const nodes = new Set<NodeId>();
  for (const session of record.sessions) if (session.binding) nodes.add(session.binding.node);
  return nodes;
}

/** The record as the store has committed it at `rev`: each view that this commit made bears that revision. */
export function stamp(record: PresenceRecord, rev: Revision): PresenceRecord {
  const chosen = record.chosen && mapValues(record.chosen, (at) => (at.rev === UNCOMMITTED ? { rev } : at));
  const everyone = stampAudience(record.everyone, rev);
  const apart = mapValues(record.apart, (audience) => stampAudience(audience, rev));
  const stamped = { ...record, rev, everyone, apart };
  return chosen === undefined ? stamped : { ...stamped, chosen };
}

function stampAudience(audience: Audience, rev: Revision): Audience {
  return audience.view.rev === UNCOMMITTED ? { ...audience, view: { ...audience.view, rev } } : audience;
}

/** The same object when no value changed. A key named `__proto__` stays a plain key. */
export function mapValues<T>(from: Readonly<Record<string, T>>, change: (value: T) => T): Readonly<Record<string, T>> {
  let changed: [string, T][] | null = null;
  for (const key in from) {
    const value = from[key] as T;
    const next = change(value);
    if (next === value) continue;
    changed ??= [];
    changed.push([key, next]);
  }
  return changed ? Object.fromEntries([...Object.entries(from), ...changed]) : from;
}

export function sameView(a: View, b: View): boolean {
  return (
    a === b ||
    (a.status === b.status &&
      a.since === b.since &&
      a.lastActiveAt === b.lastActiveAt &&
      sameClients(a.clients, b.clients) &&
      sameCustomStatus(a.customStatus, b.customStatus))
  );
}

export function sameClients(a: readonly ClientKind[], b: readonly ClientKind[]): boolean {
  return a.length === b.length && a.every((kind, index) => kind === b[index]);
}

export function sameCustomStatus(a: CustomStatus | null, b: CustomStatus | null): boolean {
  return (
    a === b || (a !== null && b !== null && a.text === b.text && a.emoji === b.emoji && a.expiresAt === b.expiresAt)
  );
}
