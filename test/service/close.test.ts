import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MemoryFriendGraph } from '../../src/friends/memory.ts';
import type { UserId } from '../../src/presence/record.ts';
import { createRollcall, type RunningRollcall } from '../../src/service/create.ts';
import { MemoryPresenceStore } from '../../src/store/memory.ts';
import type { PresenceListener } from '../../src/store/port.ts';
import { quiet } from '../support/quiet.ts';
import { RosterReader } from '../support/reader.ts';
import { backend, beat, SETTINGS, user } from './world.ts';

/** What is called waits for as long as it is held up. */
class Line {
  #held: Promise<void> | null = null;

  /** Returns what lets all that waits go on. */
  hold(): () => void {
    const { promise, resolve } = withResolvers();
    this.#held = promise;
    return () => {
      this.#held = null;
      resolve();
    };
  }

  async pass(): Promise<void> {
    await this.#held;
  }
}

function withResolvers(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => {};
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

/** Knows who listens. */
class WatchedStore extends MemoryPresenceStore {
  readonly loads = new Line();
  readonly listening = new Set<object>();

  override async load(ids: Parameters<MemoryPresenceStore['load']>[0]) {
    await this.loads.pass();
    return super.load(ids);
  }

  override async listen(partition: number, listener: PresenceListener) {
    const unlisten = await super.listen(partition, listener);
    this.listening.add(unlisten);
    return async () => {
      this.listening.delete(unlisten);
      await unlisten();
    };
  }
}

class WatchedGraph extends MemoryFriendGraph {
  readonly listens = new Line();
  readonly listening = new Set<object>();

  override async listen(userId: UserId, changed: () => void) {
    await this.listens.pass();
    const unlisten = await super.listen(userId, changed);
    this.listening.add(unlisten);
    return async () => {
      this.listening.delete(unlisten);
      await unlisten();
    };
  }
}

const ALL = { only: null, after: null, coalesceMs: 0 };

describe('closing', () => {
  let store: WatchedStore;
  let graph: WatchedGraph;
  let rollcall: RunningRollcall;

  beforeEach(async () => {
    store = new WatchedStore();
    graph = new WatchedGraph(store.clock);
    rollcall = await createRollcall({ store, friends: graph, settings: SETTINGS, log: quiet });
    await rollcall.syncFriends(backend, 'ada', ['bob', 'cy']);
  });
  afterEach(async () => {
    await rollcall.close();
    await graph.close();
    await store.close();
  });

  it('ends all streams and listens to nothing any more', async () => {
    const roster = new RosterReader(await rollcall.watchRoster('ada', ALL));
    const own = await rollcall.watchViewer('ada');
    await roster.until('the first frame', ({ items }) => items.length > 0);
    await own.next();
    const waiting = own.next();
    expect([store.listening.size, graph.listening.size]).toEqual([1, 2]);
    await Promise.all([rollcall.close(), rollcall.close()]);
    expect(await waiting).toEqual({ done: true, value: undefined });
    await roster.until('the end', ({ ended }) => ended);
    expect([store.listening.size, graph.listening.size]).toEqual([0, 0]);
  });

  it.each([
    ['friend lists', () => graph.listens],
    ['presence', () => store.loads],
  ])('ends streams that are still being opened and wait for %s', async (_what, line) => {
    const release = line().hold();
    const roster = rollcall.watchRoster('ada', ALL);
    const own = rollcall.watchViewer('ada');
    await new Promise((resolve) => setImmediate(resolve));
    const closed = rollcall.close();
    release();
    await closed;
    expect(await (await roster).next()).toEqual({ done: true, value: undefined });
    expect(await (await own).next()).toEqual({ done: true, value: undefined });
    expect([store.listening.size, graph.listening.size]).toEqual([0, 0]);
  });

  it('ends streams that are asked for afterwards', async () => {
    await rollcall.close();
    expect(await (await rollcall.watchRoster('ada', ALL)).next()).toEqual({ done: true, value: undefined });
    expect(await (await rollcall.watchViewer('ada')).next()).toEqual({ done: true, value: undefined });
    expect([store.listening.size, graph.listening.size]).toEqual([0, 0]);
  });

  it('rule 2.5: begins the grace of what connections keep, also of what is on its way to the store', async () => {
    rollcall.connectionOpened('c1');
    const bound = beat('s1', { bindToConnection: true });
    await rollcall.heartbeat(user('bob', 'c1'), bound);
    rollcall.connectionOpened('c2');
    const release = store.loads.hold();
    const late = rollcall.heartbeat(user('cy', 'c2'), bound);
    const closed = rollcall.close();
    release();
    await Promise.all([late, closed]);
    for (const { sessions } of await store.load(['bob', 'cy'])) {
      expect(sessions).toEqual([expect.objectContaining({ binding: null, expiresAt: expect.any(Number) })]);
    }
  });
});
