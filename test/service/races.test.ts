import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { unavailable } from '../../src/errors.ts';
import { MemoryFriendGraph } from '../../src/friends/memory.ts';
import { createRollcall, type RunningRollcall } from '../../src/service/create.ts';
import { MemoryPresenceStore } from '../../src/store/memory.ts';
import { quiet } from '../support/quiet.ts';
import { RosterReader } from '../support/reader.ts';
import { backend, beat, SETTINGS, user } from './world.ts';

/** The embedded engine over a line on which loading can be held up. */
class SlowStore extends MemoryPresenceStore {
  readonly #held: (() => void)[] = [];
  #holding = false;
  #loseAnswer = false;
  #told: (() => void) | null = null;

  /** From now on; resolves when a load is waiting. */
  holdLoads(): Promise<void> {
    this.#holding = true;
    return new Promise((resolve) => {
      this.#told = resolve;
    });
  }

  releaseLoads(): void {
    this.#holding = false;
    for (const release of this.#held.splice(0)) release();
  }

  /** The next commit is made, but its answer is lost on the way. */
  loseNextAnswer(): void {
    this.#loseAnswer = true;
  }

  override async commit(commit: Parameters<MemoryPresenceStore['commit']>[0]) {
    const result = await super.commit(commit);
    if (!this.#loseAnswer) return result;
    this.#loseAnswer = false;
    throw unavailable('The connection broke.');
  }

  override async load(ids: Parameters<MemoryPresenceStore['load']>[0]) {
    if (this.#holding) {
      const released = new Promise<void>((resolve) => this.#held.push(resolve));
      this.#told?.();
      await released;
    }
    return super.load(ids);
  }
}

describe('what happens while something else is under way', () => {
  let store: SlowStore;
  let graph: MemoryFriendGraph;
  let rollcall: RunningRollcall;

  beforeEach(async () => {
    store = new SlowStore();
    graph = new MemoryFriendGraph(store.clock);
    rollcall = await createRollcall({ store, friends: graph, settings: SETTINGS, log: quiet });
    await rollcall.syncFriends(backend, 'ada', ['bob', 'cy']);
  });
  afterEach(async () => {
    await rollcall.close();
    await graph.close();
    await store.close();
  });

  it('rule 8: one who blocks the viewer while the roster opens is never shown on it', async () => {
    // Known already, so that a list without bob needs no loading and is taken over before the one with him.
    await rollcall.syncFriends(backend, 'zed', ['cy']);
    const other = new RosterReader(await rollcall.watchRoster('zed', { only: null, after: null, coalesceMs: 0 }));
    await other.until('the first frame', ({ items }) => items.length > 0);
    const waiting = store.holdLoads();
    const opening = rollcall.watchRoster('ada', { only: null, after: null, coalesceMs: 0 });
    await waiting;
    await graph.relate('bob', 'ada', 'block');
    await new Promise((resolve) => setImmediate(resolve));
    store.releaseLoads();
    const reader = new RosterReader(await opening);
    await reader.until('the first frame', ({ items }) => items.length > 0);
    await rollcall.heartbeat(user('bob'), beat('b1'));
    await rollcall.heartbeat(user('cy'), beat('c1'));
    await reader.sees('cy', 'ONLINE');
    expect([...reader.roster.keys()]).toEqual(['cy']);
    expect(reader.items.flatMap(({ changes }) => changes.map(({ id }) => id))).not.toContain('bob');
    await reader.close();
    await other.close();
  });

  it('rule 4: a second stream of a viewer begins with friends made before it was asked for', async () => {
    const first = new RosterReader(await rollcall.watchRoster('ada', { only: null, after: null, coalesceMs: 0 }));
    await first.until('the first frame', ({ items }) => items.length > 0);
    const waiting = store.holdLoads();
    await graph.befriend([['ada', 'eve']]);
    const opening = rollcall.watchRoster('ada', { only: new Set(['eve']), after: null, coalesceMs: 0 });
    await waiting;
    store.releaseLoads();
    const second = new RosterReader(await opening);
    await second.until('the first frame', ({ items }) => items.length > 0);
    expect(second.items[0]?.changes.map(({ id }) => id)).toEqual(['eve']);
    await first.close();
    await second.close();
  });

  it('rule 2: a binding whose answer was lost ends with its connection', async () => {
    const reader = new RosterReader(await rollcall.watchRoster('ada', { only: null, after: null, coalesceMs: 0 }));
    rollcall.connectionOpened('k1');
    store.loseNextAnswer();
    const beating = rollcall.heartbeat(user('bob', 'k1'), beat('b1', { bindToConnection: true }));
    await expect(beating).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await reader.sees('bob', 'ONLINE');
    await rollcall.connectionClosed('k1');
    await reader.sees('bob', 'OFFLINE');
    await reader.close();
  });
});
