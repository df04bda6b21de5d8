import { NEVER, type Revision } from '../presence/time.ts';

/**
 * How long after it was shown a revision that had been ahead of `applied` is claimed, ms: by then it is applied whatever
 * else goes on at the node. A cursor that followed sooner would tell of changes that the viewer must not know of.
 */
const CLAIM_MS = 2_000;
/** What was shown within this time is claimed together, ms; and how many such spans are kept apart at most. */
const SPAN_MS = 250;
const MOST_SPANS = 16;

/** In which views were shown that were ahead of `applied`. */
interface Span {
  readonly begun: number;
  lastShown: number;
  newest: Revision;
}

/** What a stream has shown, and no cursor claims yet. */
export class Ahead {
  /** The oldest first. */
  readonly #spans: Span[];

  constructor(rev: Revision) {
    // Most have one at a time, and to push the first one would make room for many.
    this.#spans = [newSpan(rev, performance.now())];
  }

  get empty(): boolean {
    return this.#spans.length === 0;
  }

  /** Up to `rev` has been shown now. */
  note(rev: Revision): void {
    const now = performance.now();
    const last = this.#spans.at(-1);
    if (last && (now - last.begun < SPAN_MS || this.#spans.length >= MOST_SPANS)) {
      last.lastShown = now;
      last.newest = Math.max(last.newest, rev);
    } else {
      this.#spans.push(newSpan(rev, now));
    }
  }

  /** Takes off what can be claimed by now, and returns the newest of it: NEVER where there is nothing. */
  claim(applied: Revision): Revision {
    const longAgo = performance.now() - CLAIM_MS;
    let newest = NEVER;
    for (let span = this.#spans[0]; span; span = this.#spans[0]) {
      if (span.newest > applied || span.lastShown > longAgo) break;
      newest = Math.max(newest, span.newest);
      this.#spans.shift();
    }
    return newest;
  }
}

function newSpan(rev: Revision, now: number): Span {
  return { begun: now, lastShown: now, newest: rev };
}
