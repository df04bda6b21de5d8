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
