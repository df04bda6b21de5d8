/** What a socket knows of its traffic, in bytes since it was opened; as `net.Socket` has it. */
export interface Traffic {
  readonly bytesRead: number;
  /** Those that still wait to be sent among them. */
  readonly bytesWritten: number;
}

/**
 * In bytes a millisecond: the slowest line over which a reader counts as slow and not as gone. A ping waits behind all
 * that was sent before it, so its answer may take as long as that takes at this pace: a second for each 4 kB. The bound:
 * with nothing else under way a dead socket is found at the second check after its last sign of life, so within one to
 * two rounds; else at the first check after that time, counted from the ping, and half a round.
 */
const SLOWEST_LINE = 4;

/** `ask`: somebody may be there, and a ping shall be sent to find out. */
export type Finding = 'gone' | 'here' | 'ask';

/** Whether anybody is still there on the other side of one socket. */
export class SignOfLife {
  #bytesRead = 0;
  /** All that was sent before the last ping that was answered has been read over there. */
  #acknowledged = 0;
  /** What had been sent when the ping was that is under way; null where none is. */
  #sentBefore: number | null = null;
  /** When a check last found that something had come; by the monotonic clock. */
  #silentSince = performance.now();

  /** A ping was answered. Other messages say that somebody is there, but not what they have read. */
  answered(): void {
    this.#acknowledged = this.#sentBefore ?? this.#acknowledged;
    this.#sentBefore = null;
  }

  /**
   * To be called at intervals of `roundMs` with what has gone over the socket. One ping at most is under way: more would
   * only queue up behind the first.
   */
  check({ bytesRead, bytesWritten }: Traffic, roundMs: number): Finding {
    const now = performance.now();
    if (bytesRead !== this.#bytesRead) {
      this.#bytesRead = bytesRead;
      this.#silentSince = now;
    } else {
      const ahead = this.#sentBefore === null ? 0 : this.#sentBefore - this.#acknowledged;
      // Half a round, since timers are early and late: the next check is the first that can find it silent.
      if (now - this.#silentSince > roundMs / 2 + ahead / SLOWEST_LINE) return 'gone';
    }
    if (this.#sentBefore !== null) return 'here';
    this.#sentBefore = bytesWritten;
    return 'ask';
  }
}
