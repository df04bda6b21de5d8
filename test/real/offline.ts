/** What is expected, computed from what was sent and when, and from the settings. Shares nothing with the product. */

export const STATUSES = ['ONLINE', 'AWAY', 'OFFLINE'] as const;
export type Status = (typeof STATUSES)[number];

/** All in milliseconds. */
export interface Spans {
  /** From a user's last message to AWAY. */
  readonly awayMs: number;
  /** From a user's last message to OFFLINE; longer than `awayMs`. */
  readonly leaseMs: number;
}

/** Somewhere between the two, both included. Milliseconds since 1970. */
export interface Instant {
  readonly earliest: number;
  readonly latest: number;
}

/** A stretch without anybody's deadline. Milliseconds since 1970. */
export interface Gap {
  readonly from: number;
  readonly until: number;
}

/** What a viewer was shown of a friend. Milliseconds since 1970. */
export interface Shown {
  readonly status: string;
  readonly since: number | null;
  readonly lastActiveAt: number | null;
}

/** How far a moment that the product tells may lie outside of when it can have been by this machine's clock. */
export const TOLERANCE_MS = 50;
/** Where no deadline is ahead, a gap is given this length. */
const LONGEST_GAP_MS = 1_000;

interface Activity {
  readonly last: Instant;
  /** When the status turned to ONLINE. */
  readonly online: Instant;
}

export class Offline {
  readonly #spans: Spans;
  readonly #activity = new Map<string, Activity>();

  constructor(spans: Spans) {
    this.#spans = spans;
  }

  /** A message of this user took effect between `sent` and `acknowledged`. */
  wrote(user: string, sent: number, acknowledged: number): void {
    const before = this.#activity.get(user);
    const now: Instant = { earliest: sent, latest: acknowledged };
    const { awayMs } = this.#spans;
    if (before === undefined || sent > before.last.latest + awayMs + TOLERANCE_MS) {
      this.#activity.set(user, { last: now, online: now });
      return;
    }
    const last = {
      earliest: Math.max(before.last.earliest, sent),
      latest: Math.max(before.last.latest, acknowledged),
    };
    const surelyStillOnline = acknowledged < before.last.earliest + awayMs - TOLERANCE_MS;
    const online = {
      earliest: Math.min(before.online.earliest, sent),
      latest: surelyStillOnline ? before.online.latest : acknowledged,
    };
    this.#activity.set(user, { last, online });
  }

  /** `now` lies within a gap: no deadline is so near that it matters when exactly the last message took effect. */
  status(user: string, now: number): Status {
    const last = this.#activity.get(user)?.last.latest;
    if (last === undefined || now >= last + this.#spans.leaseMs) return 'OFFLINE';
    return now >= last + this.#spans.awayMs ? 'AWAY' : 'ONLINE';
  }

  /** The first stretch of at least `widthMs`, from `from` on, that is free of deadlines; its end is no later than needed. */
  gap(from: number, widthMs: number): Gap {
    const deadlines: Instant[] = [];
    for (const { last } of this.#activity.values()) {
      for (const span of [this.#spans.awayMs, this.#spans.leaseMs]) {
        deadlines.push({ earliest: last.earliest + span, latest: last.latest + span });
      }
    }
    deadlines.sort((a, b) => a.earliest - b.earliest);
    let free = from;
    for (const { earliest, latest } of deadlines) {
      if (earliest - free >= widthMs) return { from: free, until: Math.min(earliest, free + LONGEST_GAP_MS) };
      free = Math.max(free, latest);
    }
    return { from: free, until: free + LONGEST_GAP_MS };
  }

  /** After this everybody is OFFLINE. */
  lastDeadline(): number {
    let latest = 0;
    for (const { last } of this.#activity.values()) latest = Math.max(latest, last.latest + this.#spans.leaseMs);
    return latest;
  }

  /** What is wrong with what a viewer is shown of `user` at `now`, within a gap; null when nothing is. */
  fault(user: string, shown: Shown, now: number): string | null {
    const status = this.status(user, now);
    const seen = `${shown.status} since ${clock(shown.since)}, last active ${clock(shown.lastActiveAt)}`;
    if (shown.status !== status) return `expected ${status} at ${clock(now)}, seen ${seen}`;
    const activity = this.#activity.get(user);
    const { since, lastActiveAt } = shown;
    if (activity === undefined) {
      return since === null && lastActiveAt === null ? null : `expected never seen, seen ${seen}`;
    }
    if (since === null || lastActiveAt === null) return `expected times, seen ${seen}`;
    // Whoever turns ONLINE does so by a message; the next moment that is told of is the last message before AWAY.
    const told = status === 'ONLINE' ? activity.online : activity.last;
    if (lastActiveAt < told.earliest - TOLERANCE_MS || lastActiveAt > told.latest + TOLERANCE_MS) {
      return `expected last active ${clock(told.earliest)} to ${clock(told.latest)}, seen ${seen}`;
    }
    const later = { ONLINE: 0, AWAY: this.#spans.awayMs, OFFLINE: this.#spans.leaseMs }[status];
    return since === lastActiveAt + later ? null : `expected since to be last active + ${later} ms, seen ${seen}`;
  }
}

function clock(at: number | null): string {
  return at === null || Number.isNaN(at) ? String(at) : new Date(at).toISOString().slice(11, 23);
}
