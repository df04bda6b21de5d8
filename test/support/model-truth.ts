import type { Activity, ClientKind, PresenceRecord, PresenceStatus, View } from '../../src/presence/record.ts';
import { view } from '../../src/presence/record.ts';
import type { Millis, Revision } from '../../src/presence/time.ts';
import { Model as FriendModel } from '../contract/friend-graph-model.ts';

/** Something that was asked and has been answered. Answers say at which revision it stood. */
export type Said =
  | {
      readonly said: 'beat';
      readonly session: string;
      readonly client: ClientKind;
      readonly activity: Activity;
      readonly connection: string | null;
      /** It came to another node than the one that keeps the session. */
      readonly elsewhere: boolean;
      readonly at: Millis;
    }
  | { readonly said: 'end'; readonly session: string }
  | {
      readonly said: 'override';
      readonly source: string;
      readonly status: PresenceStatus | null;
      readonly priority: number;
      readonly expiresAt: Millis | null;
    }
  | { readonly said: 'custom'; readonly text: string | null; readonly expiresAt: Millis | null }
  | {
      readonly said: 'visibility';
      readonly invisible: boolean | null;
      readonly hideFrom: readonly string[];
      readonly showTo: readonly string[];
    };

interface Entry {
  readonly what: Said;
  readonly rev: Revision;
  /** When it was first tried: from then on it may have been obeyed, though the answer came to a later try only. */
  readonly doubtFrom: Millis;
}

interface StandingSession {
  readonly client: ClientKind;
  readonly activity: Activity;
  readonly at: Millis;
  readonly connection: string | null;
  readonly elsewhere: boolean;
}

/** What one user has come to by their answered asks alone. */
interface Standing {
  readonly sessions: Map<string, StandingSession>;
  readonly overrides: Map<string, Extract<Said, { said: 'override' }>>;
  custom: string | null;
  customExpires: boolean;
  invisible: boolean;
  readonly hidden: Set<string>;
}

interface Change {
  readonly value: boolean;
  readonly at: Millis;
  doneAt: Millis;
}

export interface Span {
  readonly from: Millis;
  until: Millis;
}

/** How far nodes' ideas of the store's time may be apart, twice over. */
const APART_MS: Millis = 60;

/** What is true by what people asked for and were answered, and by nothing that the product thinks of it. */
export class ModelTruth {
  readonly friends = new FriendModel();
  readonly people: readonly string[];
  readonly #entries = new Map<string, Entry[]>();
  readonly #pairs = new Map<string, Change[]>();
  readonly #shelters = new Map<string, Span[]>();
  /** The newest view of each friend that was surely committed, by viewer and friend. */
  readonly #newest = new Map<string, View>();

  constructor(people: readonly string[]) {
    this.people = people;
  }

  answered(user: string, what: Said, record: PresenceRecord, doubtFrom: Millis): void {
    const entries = this.#entries.get(user) ?? [];
    this.#entries.set(user, entries);
    entries.push({ what, rev: record.rev, doubtFrom });
    entries.sort((a, b) => a.rev - b.rev);
    this.stood(user, record);
  }

  /** Somebody has been told of this record: whoever asks later must not be shown less. */
  stood(user: string, record: PresenceRecord): void {
    for (const viewer of this.people) {
      const shown = view(record, viewer);
      if (shown.rev > (this.newest(viewer, user)?.rev ?? 0)) this.#newest.set(keyOf(viewer, user), shown);
    }
  }

  newest(viewer: string, friend: string): View | null {
    return this.#newest.get(keyOf(viewer, friend)) ?? null;
  }

  /** From `at` on the pair is being changed; the result is to be called when it has been answered. */
  befriending(a: string, b: string, will: boolean, at: Millis): (doneAt: Millis) => void {
    const changes = this.#pairs.get(pairOf(a, b)) ?? [{ value: false, at: 0, doneAt: 0 }];
    this.#pairs.set(pairOf(a, b), changes);
    const change = { value: will, at, doneAt: Number.POSITIVE_INFINITY };
    changes.push(change);
    return (doneAt) => {
      change.doneAt = doneAt;
    };
  }

  /** Whether the two may have been friends, or none, at some moment between. */
  couldBeFriends(value: boolean, a: string, b: string, from: Millis, until: Millis): boolean {
    const changes = this.#pairs.get(pairOf(a, b)) ?? [{ value: false, at: 0, doneAt: 0 }];
    return changes.some((change, index) => {
      const next = changes[index + 1];
      return change.value === value && change.at <= until && (next === undefined || next.doneAt >= from);
    });
  }

  /** The rules keep a session of this user alive in this span, which may be made shorter before it is over. */
  shelter(user: string, span: Span): Span {
    const spans = this.#shelters.get(user) ?? [];
    this.#shelters.set(user, spans);
    spans.push(span);
    return span;
  }

  /** Rule 2, 10.3: whether somebody who was shown gone since then was here by the rules. */
  sheltered(user: string, at: Millis): boolean {
    const spans = this.#shelters.get(user) ?? [];
    return spans.some(({ from, until }) => from + APART_MS < at && at < until - APART_MS);
  }

  standing(user: string, upTo: Revision = Number.POSITIVE_INFINITY): Standing {
    const standing: Standing = {
      sessions: new Map(),
      overrides: new Map(),
      custom: null,
      customExpires: false,
      invisible: false,
      hidden: new Set(),
    };
    for (const { what, rev } of this.#entries.get(user) ?? []) if (rev <= upTo) obey(standing, what);
    return standing;
  }

  /** What a friend must be shown of `user` in the end, when all that can end has ended. */
  finally(user: string, viewer: string, now: Millis, awayMs: Millis, lines: Lines): Final {
    const { sessions, overrides, custom, customExpires, invisible, hidden } = this.standing(user);
    const lasting = customExpires ? null : custom;
    const kept = [...sessions.values()].filter(({ connection }) => lines.isOpen(connection));
    const asked = topmost([...overrides.values()].filter(({ expiresAt }) => expiresAt === null));
    if (invisible || hidden.has(viewer) || asked === 'OFFLINE') return { hidden: true };
    if (kept.length === 0) return { hidden: false, statuses: ['OFFLINE'], clients: [], text: lasting };
    const active = kept.some(({ activity, at }) => activity === 'ACTIVE' && now < at + awayMs);
    const clients = [...new Set(kept.map(({ client }) => client))].sort();
    // A session that ended while its node slept comes back as that node knew it.
    const vague = kept.some(({ connection, elsewhere }) => elsewhere && connection !== null && lines.broke(connection));
    const derived = vague ? (['ONLINE', 'AWAY'] as const) : [active ? ('ONLINE' as const) : ('AWAY' as const)];
    return { hidden: false, statuses: asked ? [asked] : derived, clients, text: lasting };
  }

  /** What is wrong with `viewer` being shown this of `user`; null for nothing. To be asked when all has been answered. */
  judge(viewer: string, user: string, shown: View): string | null {
    const hidden = this.#hiddenSince(user, viewer, shown.rev);
    if (hidden === 'unknown') return null;
    if (hidden !== null) {
      const ms = hidden / 1_000 + APART_MS;
      if (shown.status !== 'OFFLINE' || shown.clients.length > 0) return 'is shown, but hides: rule 7.2';
      if ((shown.since ?? 0) > ms || (shown.lastActiveAt ?? 0) > ms) return 'tells of a time of hiding: rule 7.3';
      const text = shown.customStatus?.text ?? null;
      if (text !== null && !this.#mayHaveSaid(user, text, hidden)) return 'tells a hidden text: rule 7.3';
      return null;
    }
    if (shown.status !== 'OFFLINE' || shown.since === null) return null;
    const then = this.#hiddenSince(user, viewer, (shown.since + APART_MS) * 1_000);
    if (then !== null || !this.sheltered(user, shown.since)) return null;
    return 'is shown gone since a moment at which they were here: rules 2, 10.3';
  }

  /** Whether this text may have stood just before `rev`. */
  #mayHaveSaid(user: string, text: string, rev: Revision): boolean {
    if (this.standing(user, rev - 1).custom === text) return true;
    const entries = this.#entries.get(user) ?? [];
    return entries.some((entry) => entry.what.said === 'custom' && entry.what.text === text && isInDoubt(entry, rev));
  }

  /** Since which revision the user has been hidden from the viewer at `rev`; null where not. */
  #hiddenSince(user: string, viewer: string, rev: Revision): Revision | null | 'unknown' {
    let since: Revision | null = null;
    for (const entry of this.#entries.get(user) ?? []) {
      const { what } = entry;
      if (what.said !== 'visibility' && what.said !== 'override') continue;
      // A command that may have been obeyed once already, whatever was answered before it, and one of whose end only the
      // clock knows.
      if (isInDoubt(entry, rev)) return 'unknown';
      if (entry.rev > rev) continue;
      if (what.said === 'override' && what.expiresAt !== null) return 'unknown';
      since = isHidden(this.standing(user, entry.rev), viewer) ? (since ?? entry.rev) : null;
    }
    return since;
  }
}

/** Whether it may have been obeyed at `rev` already, and was only answered later. */
function isInDoubt({ rev: answeredAt, doubtFrom }: Entry, rev: Revision): boolean {
  return doubtFrom * 1_000 <= rev + APART_MS * 1_000 && rev < answeredAt;
}

export type Final =
  | { readonly hidden: true }
  | {
      readonly hidden: false;
      readonly statuses: readonly PresenceStatus[];
      readonly clients: readonly ClientKind[];
      readonly text: string | null;
    };

export interface Lines {
  /** Whether a session that this connection keeps, if any does, still lives. */
  isOpen(connection: string | null): boolean;
  /** The store could not be reached from its node at some time. */
  broke(connection: string): boolean;
}

function obey(standing: Standing, what: Said): void {
  switch (what.said) {
    case 'beat': {
      const known = standing.sessions.get(what.session);
      const { client, activity, at, elsewhere } = what;
      const connection = what.connection ?? known?.connection ?? null;
      standing.sessions.set(what.session, { client, activity, at, connection, elsewhere });
      return;
    }
    case 'end':
      standing.sessions.delete(what.session);
      return;
    case 'override':
      standing.overrides.delete(what.source);
      if (what.status !== null) standing.overrides.set(what.source, what);
      return;
    case 'custom':
      standing.custom = what.text;
      standing.customExpires = what.expiresAt !== null;
      return;
    case 'visibility':
      standing.invisible = what.invisible ?? standing.invisible;
      for (const viewer of what.hideFrom) standing.hidden.add(viewer);
      for (const viewer of what.showTo) standing.hidden.delete(viewer);
      return;
    default:
      what satisfies never;
  }
}

function isHidden({ invisible, hidden, overrides }: Standing, viewer: string): boolean {
  return invisible || hidden.has(viewer) || topmost([...overrides.values()]) === 'OFFLINE';
}

function topmost(overrides: readonly { readonly status: PresenceStatus | null; readonly priority: number }[]) {
  let top: (typeof overrides)[number] | null = null;
  for (const override of overrides) if (top === null || override.priority >= top.priority) top = override;
  return top?.status ?? null;
}

function keyOf(viewer: string, friend: string): string {
  return JSON.stringify([viewer, friend]);
}

function pairOf(a: string, b: string): string {
  return a < b ? keyOf(a, b) : keyOf(b, a);
}
