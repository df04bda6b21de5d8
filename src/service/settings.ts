import type { Rules } from '../presence/rules.ts';
import type { Millis } from '../presence/time.ts';

/** The service's share of the settings, all in milliseconds. */
export interface ServiceSettings {
  /** d: what clients are told to send heartbeats at. */
  readonly heartbeatIntervalMs: Millis;
  /** ε: how late a heartbeat may be, twice over. */
  readonly heartbeatToleranceMs: Millis;
  readonly disconnectGraceMs: Millis;
  readonly awayAfterMs: Millis;
  readonly nodeLeaseMs: Millis;
}

export function rulesOf(settings: ServiceSettings): Rules {
  return {
    leaseMs: settings.heartbeatIntervalMs + 2 * settings.heartbeatToleranceMs,
    graceMs: settings.disconnectGraceMs,
    awayAfterMs: settings.awayAfterMs,
  };
}

/** Equal exactly for equal settings; for the log. */
export function textOf(settings: ServiceSettings): string {
  return [
    `HEARTBEAT_INTERVAL_MS=${settings.heartbeatIntervalMs}`,
    `HEARTBEAT_TOLERANCE_MS=${settings.heartbeatToleranceMs}`,
    `DISCONNECT_GRACE_MS=${settings.disconnectGraceMs}`,
    `AWAY_AFTER_MS=${settings.awayAfterMs}`,
    `NODE_LEASE_MS=${settings.nodeLeaseMs}`,
  ].join(' ');
}
