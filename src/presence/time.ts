/** Milliseconds since 1970-01-01T00:00:00Z, by the store's clock. */
export type Millis = number;

/**
 * A hybrid logical clock in microseconds: max(previous + 1, the store's time). Version, order and cursor in one; stays
 * below 2^53 until the year 2255.
 */
export type Revision = number;

/** The revision of what was never stored. */
export const NEVER: Revision = 0;
/** Stands for the revision that the next commit will have; the store puts the real one in its place. */
export const UNCOMMITTED: Revision = -1;

export function toMillis(revision: Revision): Millis {
  return Math.floor(revision / 1000);
}

/** The later of two moments: what was told once is not taken back by a clock that runs behind. */
export function later(now: Millis, told: Millis | null): Millis {
  return told === null ? now : Math.max(now, told);
}

/** The one clock that rules. Implementations give the store's time, never this machine's wall clock. */
export interface Clock {
  now(): Millis;
}
