import type { FriendGraph } from '../../src/friends/port.ts';
import type { ClientKind } from '../../src/presence/record.ts';
import type { Millis } from '../../src/presence/time.ts';
import type { RunningRollcall } from '../../src/service/create.ts';
import type { ServiceSettings } from '../../src/service/settings.ts';
import type { PresenceStore } from '../../src/store/port.ts';
import type { Span } from './model-truth.ts';

/** What a node of a model runs on, and what can be done to it. */
export interface ModelEngines {
  readonly store: PresenceStore;
  readonly friends: FriendGraph;
  /** Nothing passes between it and the store, and it does not know. */
  sleep(): void;
  /** The connection breaks, and it knows. */
  cut(): void;
  heal(): void;
  /** From now on it can do nothing more. Also ends what it runs on. */
  kill(): Promise<void>;
}

/** How long after a break a node may still have something to catch up with. */
const RECOVERY_MS: Millis = 2_600;

export class ModelNode {
  readonly number: number;
  readonly rollcall: RunningRollcall;
  readonly engines: ModelEngines;
  standing: 'up' | 'sleep' | 'cut' | 'dead' = 'up';
  brokenAt: Millis = Number.POSITIVE_INFINITY;
  healedAt: Millis = Number.NEGATIVE_INFINITY;

  constructor(number: number, rollcall: RunningRollcall, engines: ModelEngines) {
    this.number = number;
    this.rollcall = rollcall;
    this.engines = engines;
  }

  get up(): boolean {
    return this.standing === 'up';
  }

  get alive(): boolean {
    return this.standing !== 'dead';
  }

  get hasBroken(): boolean {
    return this.brokenAt !== Number.POSITIVE_INFINITY;
  }

  /** Nothing is amiss, nor has been lately. */
  sound(now: Millis): boolean {
    return this.up && now - this.healedAt > RECOVERY_MS;
  }

  break(how: 'sleep' | 'cut' | 'dead', now: Millis): void {
    if (this.sound(now)) this.brokenAt = now;
    this.standing = how;
  }

  heal(now: Millis): void {
    this.standing = 'up';
    this.healedAt = now;
  }
}

export interface Connection {
  readonly id: string;
  readonly node: ModelNode;
  open: boolean;
}

/** One tab or phone of one person, which says one thing after the other. */
export class Device {
  readonly user: string;
  readonly session: string;
  readonly client: ClientKind;
  connection: Connection | null = null;
  /** It waits for an answer. */
  busy = false;
  shelter: Span | null = null;

  constructor(user: string, session: string, client: ClientKind) {
    this.user = user;
    this.session = session;
    this.client = client;
  }

  /** Whatever was promised holds until then and no longer. */
  shelterEnds(at: Millis): void {
    if (this.shelter) this.shelter.until = Math.min(this.shelter.until, at);
  }

  /** The node of its connection is not heard any more: rule 2.6. */
  nodeBroke(node: ModelNode, now: Millis, settings: ServiceSettings): void {
    if (!this.connection?.open || this.connection.node !== node) return;
    // It renews three times in its lease; one that had just come back may not have done so yet.
    const renewedAt = Math.min(now, node.brokenAt) - settings.nodeLeaseMs / 3;
    this.shelterEnds(renewedAt + settings.heartbeatIntervalMs + 2 * settings.heartbeatToleranceMs);
  }
}
