import type { Clock, Millis } from '../presence/time.ts';
import type { Identity } from './auth.ts';
import { Deadline } from './deadline.ts';

/**
 * The longest that what a token has opened stays open behind its end. Tokens that were issued in one moment end in one, and
 * all who had them would come back at once: so each is given a time of its own, at random.
 */
export const MAX_OVERTIME_MS = 30_000;
/** That of a shorter token is this part of what it had left. */
const OVERTIME_PART = 0.05;

/**
 * Calls `end` once, within min(MAX_OVERTIME_MS, 5 % of what the token has left now) after its end by the clock; never before,
 * when the same token would still be accepted and the client would come back with it. Null for a token without an end.
 */
export function callAtTokenEnd({ expiresAt }: Identity, clock: Clock, end: () => void): Deadline | null {
  if (expiresAt === null) return null;
  const left: Millis = Math.max(0, expiresAt - clock.now());
  return new Deadline(clock, expiresAt + Math.random() * Math.min(left * OVERTIME_PART, MAX_OVERTIME_MS), end);
}

/** Whether nothing may be asked for any more by whom the token named. */
export function hasEnded({ expiresAt }: Identity, clock: Clock): boolean {
  return expiresAt !== null && clock.now() >= expiresAt;
}
