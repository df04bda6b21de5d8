import { MemoryFriendGraph } from '../../src/friends/memory.ts';
import type { ServiceSettings } from '../../src/service/settings.ts';
import { MemoryPresenceStore } from '../../src/store/memory.ts';
import { openWorld, type World } from '../service/world.ts';

/** What the product's defaults are, so that nothing runs out while a test looks. */
const SETTINGS: ServiceSettings = {
  heartbeatIntervalMs: 30_000,
  heartbeatToleranceMs: 5_000,
  disconnectGraceMs: 10_000,
  awayAfterMs: 300_000,
  nodeLeaseMs: 10_000,
};

/** One node over an embedded engine of its own. */
export function openEmbeddedWorld(): Promise<World> {
  const store = new MemoryPresenceStore();
  const friends = new MemoryFriendGraph(store.clock);
  // The world closes the engines of its only node.
  return openWorld({ open: async () => ({ store, friends }), close: async () => {} }, SETTINGS);
}
