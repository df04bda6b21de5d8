import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MemoryFriendGraph } from '../../src/friends/memory.ts';
import type { UserId } from '../../src/presence/record.ts';
import { createRollcall, type RunningRollcall } from '../../src/service/create.ts';
import { MemoryPresenceStore } from '../../src/store/memory.ts';
import { quiet } from '../support/quiet.ts';
import { RosterReader } from '../support/reader.ts';
import { backend, beat, SETTINGS, user } from './world.ts';

/** How many rosters a node reads at once; see Hub. */
const READINGS_AT_ONCE = 64;

/** The embedded engine over a line that takes a turn of the event loop each way, watched. */
class SlowStore extends MemoryPresenceStore {
  readonly loaded: UserId[] = [];
  mostAtOnce = 0;
  #now = 0;

  override async load(ids: readonly UserId[]) {
    this.loaded.push(...ids);
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.#now);
    await new Promise((resolve) => setImmediate(resolve));
    this.#now -= 1;
    return super.load(ids);
  }
}

class SlowGraph extends MemoryFriendGraph {
  mostAtOnce = 0;
  #now = 0;

  override async list(userId: UserId) {
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.#now);
    await new Promise((resolve) => setImmediate(resolve));
    this.#now -= 1;
    return super.list(userId);
  }
}

const ALL = { only: null, after: null, coalesceMs: 0 };
const names = (count: number, kind: string): UserId[] =>
  Array.from({ length: count }, (_, index) => `${kind}-${index}`);

describe('when everybody comes back at once', () => {
  let store: SlowStore;
  let graph: SlowGraph;
  let rollcall: RunningRollcall;
  const readers: RosterReader[] = [];

  beforeEach(async () => {
    store = new SlowStore();
    graph = new SlowGraph(store.clock);
    const settings = { ...SETTINGS, heartbeatIntervalMs: 60_000, heartbeatToleranceMs: 10_000, nodeLeaseMs: 60_000 };
    rollcall = await createRollcall({ store, friends: graph, settings, log: quiet });
  });
  afterEach(async () => {
    for (const reader of readers.splice(0)) await reader.close();
    await rollcall.close();
    await graph.close();
    await store.close();
  });

  const open = async (viewer: UserId): Promise<RosterReader> => {
    const reader = new RosterReader(await rollcall.watchRoster(viewer, ALL));
    readers.push(reader);
    return reader;
  };

  it('rule 9.4: people whom many viewers ask for at the same time are read once', async () => {
    const viewers = names(50, 'viewer');
    const friends = names(20, 'friend');
    for (const viewer of viewers) await rollcall.syncFriends(backend, viewer, friends);
    store.loaded.length = 0;
    const opened = await Promise.all(viewers.map(open));
    for (const reader of opened) await reader.until('the roster', ({ roster }) => roster.size === friends.length);
    expect(store.loaded.toSorted()).toEqual(friends.toSorted());
  });

  it('rule 9.4: a live change reaches who is here already before two thousand rosters have been read', async () => {
    const viewers = names(2_000, 'viewer');
    await graph.befriend(
      viewers.flatMap((viewer, index) => [[viewer, 'bob'] as const, [viewer, `own-${index}`] as const]),
    );
    await graph.befriend([['ada', 'bob']]);
    const here = await open('ada');
    await here.until('the first frame', ({ roster }) => roster.size === 1);
    [store.mostAtOnce, graph.mostAtOnce] = [0, 0];
    let ready = 0;
    const storm = viewers.map(async (viewer) => {
      await open(viewer);
      ready += 1;
    });
    await new Promise((resolve) => setImmediate(resolve));
    await rollcall.heartbeat(user('bob'), beat('s1'));
    await here.sees('bob', 'ONLINE');
    expect(ready).toBeLessThan(viewers.length / 2);
    await Promise.all(storm);
    expect(graph.mostAtOnce).toBeLessThanOrEqual(READINGS_AT_ONCE);
    expect(store.mostAtOnce).toBeLessThanOrEqual(READINGS_AT_ONCE + 1);
    for (const reader of readers) await reader.until('bob', ({ roster }) => roster.get('bob')?.status === 'ONLINE');
  });
});
