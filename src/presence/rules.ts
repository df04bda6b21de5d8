import type { Millis } from './time.ts';

/** The spans that the reducer works with; derived once from the settings. */
export interface Rules {
  /** d + 2ε: how long a session lives after a heartbeat when no open connection keeps it. */
  readonly leaseMs: Millis;
  /** How long a session outlives its lost connection. */
  readonly graceMs: Millis;
  /** Without activity for this long, a session counts as idle. */
  readonly awayAfterMs: Millis;
}

/** Bounds on what one user's record may hold, so that no record grows without end. */
export const MAX_SESSIONS = 100;
export const MAX_OVERRIDES = 32;
export const MAX_HIDDEN_FROM = 1_000;
