import type { FriendGraph } from '../../src/friends/port.ts';
import type { Caller, HeartbeatInput } from '../../src/service/api.ts';
import { createRollcall, type RunningRollcall } from '../../src/service/create.ts';
import type { ServiceSettings } from '../../src/service/settings.ts';
import type { PresenceStore } from '../../src/store/port.ts';
import { quiet } from '../support/quiet.ts';
import { RosterReader } from '../support/reader.ts';

/** The engines of one node. */
export interface Engines {
  readonly store: PresenceStore;
  readonly friends: FriendGraph;
}

/** Short enough for tests to see every deadline pass, long enough to act in between. */
export const SETTINGS: ServiceSettings = {
  heartbeatIntervalMs: 600,
  heartbeatToleranceMs: 100,
  disconnectGraceMs: 400,
  awayAfterMs: 300_000,
  nodeLeaseMs: 600,
};

export interface World {
  /** The first node. */
  readonly rollcall: RunningRollcall;
  /** Starts one more node over the same data. */
  node(settings?: Partial<ServiceSettings>): Promise<RunningRollcall>;
  /** Ends a node as SIGKILL would: nothing is told to anybody. */
  kill(node: RunningRollcall): Promise<void>;
  watch(viewer: string, options?: WatchOptions): Promise<RosterReader>;
  close(): Promise<void>;
}

export interface WatchOptions {
  readonly on?: RunningRollcall;
  readonly only?: readonly string[];
  readonly after?: string;
  readonly coalesceMs?: number;
}

/** Engines of several nodes that share their data; `close` also ends the data's server. */
export interface EngineSource {
  open(): Promise<Engines>;
  close(): Promise<void>;
}

export async function openWorld(source: EngineSource, settings: Partial<ServiceSettings> = {}): Promise<World> {
  const nodes = new Map<RunningRollcall, Engines>();
  const readers: RosterReader[] = [];
  const node = async (more: Partial<ServiceSettings> = {}): Promise<RunningRollcall> => {
    const engines = await source.open();
    const rollcall = await createRollcall({ ...engines, settings: { ...SETTINGS, ...settings, ...more }, log: quiet });
    nodes.set(rollcall, engines);
    return rollcall;
  };
  const closeEngines = async ({ store, friends }: Engines): Promise<void> => {
    await friends.close();
    await store.close();
  };
  const rollcall = await node();
  return {
    rollcall,
    node,
    kill: async (victim) => {
      const engines = nodes.get(victim);
      nodes.delete(victim);
      // Without its engines a node can tell nobody that it goes.
      if (engines) await closeEngines(engines);
      await victim.close();
    },
    watch: async (viewer, { on = rollcall, only, after, coalesceMs } = {}) => {
      const reader = new RosterReader(
        await on.watchRoster(viewer, {
          only: only ? new Set(only) : null,
          after: after ?? null,
          coalesceMs: coalesceMs ?? 0,
        }),
      );
      readers.push(reader);
      return reader;
    },
    close: async () => {
      for (const reader of readers) await reader.close();
      for (const running of nodes.keys()) await running.close();
      for (const engines of nodes.values()) await closeEngines(engines);
      await source.close();
    },
  };
}

export function user(userId: string, connection: string | null = null): Caller {
  return { userId, admin: false, connection };
}

export const backend: Caller = { userId: 'backend', admin: true, connection: null };

export function beat(sessionId: string, more: Partial<HeartbeatInput> = {}): HeartbeatInput {
  return { sessionId, client: 'WEB', activity: 'ACTIVE', bindToConnection: false, ...more };
}
