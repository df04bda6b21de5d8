export type PresenceStatus = 'ONLINE' | 'AWAY' | 'DO_NOT_DISTURB' | 'OFFLINE';

/** The nodes' idea of the store's time may be this far off, ms: half of what a round trip takes on a busy machine. */
export const CLOCK_ERROR_MS = 120;

/** Something that the user asked for, from the first time that it was sent to the answer. */
export interface Ask {
  readonly at: number;
  /** Infinity until it has been answered. */
  doneAt: number;
  /** `beat` says no more than that a session lives. */
  readonly kind: 'beat' | 'activity' | 'visibility' | 'end';
  /** What it asks to be shown as, where it says. */
  readonly status: PresenceStatus | null;
}

interface Span {
  readonly from: number;
  readonly until: number;
}

/**
 * What is known for certain of one user, by what their own clients sent and were answered, and by nothing else. All
 * times are of this machine's wall clock, which is also Redis'.
 */
export class Life {
  /** In which the user must be shown as here, by rule 2. In the order of `from`, with gaps between them. */
  #proven: Span[] = [];
  #asks: Ask[] = [];
  /** Nothing older is remembered. */
  #horizon = 0;
  /** When it was answered that all sessions have ended; null while any may live. */
  leftAt: number | null = null;

  /** The rules keep the user alive from `from` until `until` at least. */
  prove(from: number, until: number): void {
    if (until <= from) return;
    const last = this.#proven.at(-1);
    if (last && from <= last.until) {
      this.#proven[this.#proven.length - 1] = { from: last.from, until: Math.max(last.until, until) };
    } else {
      this.#proven.push({ from, until });
    }
  }

  /** Nothing is promised from `at` on: the user leaves, or the store has been emptied. */
  end(at: number): void {
    this.#proven = this.#proven
      .filter(({ from }) => from < at)
      .map(({ from, until }) => ({ from, until: Math.min(until, at) }));
  }

  ask(kind: Ask['kind'], status: PresenceStatus | null = null, at = Date.now()): Ask {
    const ask: Ask = { at, doneAt: Number.POSITIVE_INFINITY, kind, status };
    this.#asks.push(ask);
    if (kind !== 'end') this.leftAt = null;
    return ask;
  }

  /** Whether the user was certainly here at that moment, whatever the clocks say. */
  provenAt(at: number): boolean {
    return this.#proven.some(({ from, until }) => from + CLOCK_ERROR_MS <= at && at < until - CLOCK_ERROR_MS);
  }

  /** Whether the user was certainly here all the time between. */
  provenThrough(from: number, until: number): boolean {
    return this.#proven.some((span) => span.from <= from && until < span.until - CLOCK_ERROR_MS);
  }

  /** Until when the user is certainly here, as far as is known now; 0 for never. */
  get provenUntil(): number {
    return this.#proven.at(-1)?.until ?? 0;
  }

  /** What was under way at that moment, so that it may be its cause. */
  asksAt(at: number): Ask[] {
    return this.#asks.filter((ask) => ask.at - CLOCK_ERROR_MS <= at && at <= ask.doneAt + CLOCK_ERROR_MS);
  }

  remembers(at: number): boolean {
    return at >= this.#horizon;
  }

  /** Lets go of what ended before `at`. */
  forget(at: number): void {
    this.#horizon = at;
    const kept = this.#proven.filter(({ until }) => until >= at);
    this.#proven = kept.length > 0 ? kept : this.#proven.slice(-1);
    this.#asks = this.#asks.filter(({ doneAt }) => doneAt >= at);
  }

  /** For reports. */
  describe(around: number): string {
    const near = (from: number, until: number): boolean => until > around - 4_000 && from < around + 4_000;
    const rel = (at: number): string => (Number.isFinite(at) ? `${Math.round(at - around)}` : '…');
    const spans = this.#proven.filter(({ from, until }) => near(from, until));
    const asks = this.#asks.filter(({ at, doneAt }) => near(at, doneAt)).slice(-12);
    return (
      `here for certain ${spans.map(({ from, until }) => `${rel(from)}..${rel(until)}`).join(' ') || 'never'}; ` +
      `asked ${asks.map(({ kind, status, at, doneAt }) => `${kind}${status ? ` ${status}` : ''} ${rel(at)}..${rel(doneAt)}`).join(', ')}`
    );
  }
}
