import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { unavailable } from '../../src/errors.ts';
import { MemoryFriendGraph } from '../../src/friends/memory.ts';
import type { UserId } from '../../src/presence/record.ts';
import { createRollcall, type RunningRollcall } from '../../src/service/create.ts';
import { MemoryPresenceStore } from '../../src/store/memory.ts';
import type { PresenceListener } from '../../src/store/port.ts';
import { quiet } from '../support/quiet.ts';
import { RosterReader } from '../support/reader.ts';
import { backend, beat, SETTINGS, user } from './world.ts';

/** The embedded engine over a line that loses changes, and with a lineage that can end. */
class LossyStore extends MemoryPresenceStore {
  readonly #lines = new Set<PresenceListener>();
  readonly #missed = new Set<UserId>();
  #losing = false;
  #broken = false;
  #lineages = 0;
  /** What is waited for before the answer. */
  loads: Promise<void> = Promise.resolve();
  barriers: Promise<void> = Promise.resolve();

  override async listen(partition: number, listener: PresenceListener) {
    this.#lines.add(listener);
    const unlisten = await super.listen(partition, {
      ...listener,
      changed: (userId, record) => {
        if (this.#losing) this.#missed.add(userId);
        else listener.changed(userId, record);
      },
    });
    return async () => {
      this.#lines.delete(listener);
      await unlisten();
    };
  }

  override async load(ids: readonly UserId[]) {
    await this.loads;
    return super.load(ids);
  }

  override async caughtUp() {
    await this.barriers;
    return super.caughtUp();
  }

  override lineage(): string {
    return `${super.lineage()} ${this.#lineages}`;
  }

  endLineage(): void {
    this.#lineages += 1;
  }

  override unbroken(): boolean {
    return !this.#broken;
  }

  /** From now on changes are lost. */
  lose(): void {
    this.#losing = true;
    for (const line of this.#lines) line.lost();
  }

  /** From now on messages are lost, and nobody knows. */
  drop(): void {
    this.#losing = true;
  }

  /** Messages arrive again, and their count shows what was lost. */
  showGap(): void {
    this.#losing = false;
    this.#broken = true;
  }

  /** Changes arrive again; what was lost has not been read. */
  resubscribe(): void {
    this.#losing = false;
  }

  restore(): void {
    this.#losing = false;
    for (const line of this.#lines) {
      line.missed([...this.#missed]);
      line.restored();
    }
    this.#missed.clear();
  }
}

/** Counts how often lists are read, and how many at once. */
class CountingGraph extends MemoryFriendGraph {
  /** Lists cannot be read. */
  away = false;
  readings = 0;
  /** Of those, how many have been answered. */
  read = 0;
  mostAtOnce = 0;
  #now = 0;

  override async list(userId: UserId) {
    this.readings += 1;
    this.#now += 1;
    this.mostAtOnce = Math.max(this.mostAtOnce, this.#now);
    await new Promise((resolve) => setImmediate(resolve));
    this.#now -= 1;
    if (this.away) throw unavailable('The lists cannot be read.');
    const list = await super.list(userId);
    this.read += 1;
    return list;
  }
}

describe('rosters of a store that loses changes', () => {
  let store: LossyStore;
  let graph: CountingGraph;
  let rollcall: RunningRollcall;

  beforeEach(async () => {
    store = new LossyStore();
    graph = new CountingGraph(store.clock);
    rollcall = await createRollcall({ store, friends: graph, settings: SETTINGS, log: quiet });
    await rollcall.syncFriends(backend, 'ada', ['bob', 'cy']);
  });
  afterEach(async () => {
    await rollcall.close();
    await graph.close();
    await store.close();
  });

  async function watch(after: string | null = null, on: RunningRollcall = rollcall): Promise<RosterReader> {
    const reader = new RosterReader(await on.watchRoster('ada', { only: null, after, coalesceMs: 0 }));
    return reader.until('the first frame', ({ items }) => items.length > 0);
  }

  it('rule 6.1: a cursor that was given while changes were missing brings them', async () => {
    const other = await createRollcall({ store, friends: graph, settings: SETTINGS, log: quiet });
    const first = await watch();
    store.lose();
    await rollcall.heartbeat(user('bob'), beat('b1'));
    store.resubscribe();
    await rollcall.heartbeat(user('cy'), beat('c1'));
    await first.sees('cy', 'ONLINE');
    expect(first.status('bob')).toBe('OFFLINE');
    const { cursor } = first;
    await first.close();
    store.restore();

    const second = await watch(cursor, other);
    expect(second.items[0]?.reset).toBe(false);
    expect(second.status('bob')).toBe('ONLINE');
    await second.close();
    await other.close();
  });

  it('rule 6.1: a cursor that was given while a gap was being closed brings what was in it', async () => {
    const other = await createRollcall({ store, friends: graph, settings: SETTINGS, log: quiet });
    const first = await watch();
    store.drop();
    await rollcall.heartbeat(user('bob'), beat('b1'));
    store.showGap();
    await rollcall.heartbeat(user('cy'), beat('c1'));
    await first.sees('cy', 'ONLINE');
    expect(first.status('bob')).toBe('OFFLINE');

    const second = await watch(first.cursor, other);
    expect(second.items[0]?.reset).toBe(false);
    expect(second.status('bob')).toBe('ONLINE');
    for (const reader of [first, second]) await reader.close();
    await other.close();
  });

  it('rules 6.1, 8.7: a stream that begins while the list is being taken over is told who has left it', async () => {
    const first = await watch();
    const { cursor } = first;
    let passBarrier = (): void => {};
    let load = (): void => {};
    store.barriers = new Promise((resolve) => {
      passBarrier = resolve;
    });
    const { read } = graph;
    const watching = rollcall.watchRoster('ada', { only: null, after: cursor, coalesceMs: 0 });
    await until(() => graph.read > read);
    store.loads = new Promise((resolve) => {
      load = resolve;
    });
    await rollcall.syncFriends(backend, 'ada', ['bob', 'dee']);
    // Who has left is gone at once; who is new is being loaded.
    await first.until('who has left', ({ items }) => items.some(({ removed }) => removed.includes('cy')));
    passBarrier();
    const second = new RosterReader(await watching);
    await second.until('the first frame', ({ items }) => items.length > 0);
    load();
    await second.until('the new friend', ({ roster }) => roster.has('dee'));
    expect(second.items.flatMap(({ removed }) => removed)).toEqual(['cy']);
    for (const reader of [first, second]) await reader.close();
  });

  it('rules 6.1, 8.7: a stream that begins while who is new cannot be loaded is told who has left', async () => {
    const first = await watch();
    const { cursor } = first;
    store.lose();
    store.loads = Promise.reject(unavailable('The store cannot be reached at the moment.'));
    store.loads.catch(() => {});
    await rollcall.syncFriends(backend, 'ada', ['bob', 'dee']);
    await first.until('who has left', ({ items }) => items.some(({ removed }) => removed.includes('cy')));
    const second = await watch(cursor);
    await second.until('who has left', ({ items }) => items.some(({ removed }) => removed.includes('cy')));
    store.loads = Promise.resolve();
    store.restore();
    await second.until('the new friend', ({ roster }) => roster.has('dee'));
    expect(second.roster.has('cy')).toBe(false);
    for (const reader of [first, second]) await reader.close();
  });

  it('rules 10.1, 10.2: while the store is away a stream goes on only where nothing is unknown of the list', async () => {
    const first = await watch();
    const { cursor } = first;
    await rollcall.syncFriends(backend, 'ada', ['bob', 'dee']);
    await first.until('the new list', ({ roster }) => roster.has('dee') && !roster.has('cy'));
    store.lose();
    graph.away = true;
    const resumed = await watch(first.cursor);
    expect(resumed.items[0]).toMatchObject({ reset: false, changes: [], removed: [], stale: true });
    await expect(watch(cursor)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    graph.away = false;
    store.restore();
    const later = await watch(cursor);
    expect(later.items[0]).toMatchObject({ reset: false, removed: ['cy'], stale: false });
    expect(later.items[0]?.changes.map(({ id }) => id)).toEqual(['dee']);
    for (const reader of [first, resumed, later]) await reader.close();
  });

  it('rules 4.3, 10.1: a stream that goes on while the store is away shows nobody as they may not be any more', async () => {
    const first = await watch();
    const { cursor } = first;
    await rollcall.heartbeat(user('bob'), beat('b1'));
    await first.sees('bob', 'ONLINE');
    store.lose();
    // Another node may have shown this to whoever has the cursor.
    await rollcall.setCustomStatus(user('bob'), { text: 'here', emoji: null, expiresAt: null });
    store.barriers = Promise.reject(unavailable('The store is away.'));
    store.barriers.catch(() => undefined);
    const resumed = await watch(cursor);
    expect(resumed.items).toEqual([{ reset: false, changes: [], removed: [], cursor, stale: true }]);
    store.barriers = Promise.resolve();
    store.restore();
    await resumed.until('the end of the loss', ({ items }) => items.at(-1)?.stale === false);
    await resumed.until('the text', ({ roster }) => roster.get('bob')?.customStatus?.text === 'here');
    expect(resumed.items.flatMap(({ changes }) => changes.map(({ id }) => id))).toEqual(['bob']);
    for (const reader of [first, resumed]) await reader.close();
  });

  it('rule 6.4: a cursor of a lineage that ended while nobody was watching is unknown', async () => {
    const first = await watch();
    const { cursor } = first;
    await first.close();
    store.endLineage();
    const second = await watch(cursor);
    expect(second.items[0]?.reset).toBe(true);
    await second.close();
  });

  it('rule 6.4: cursors name the old lineage until all that the new one may have lost has been read', async () => {
    const first = await watch();
    store.lose();
    store.endLineage();
    await rollcall.heartbeat(user('bob'), beat('b1'));
    await first.until('a stale frame', ({ items }) => items.at(-1)?.stale === true);
    const { cursor } = first;
    store.restore();
    await first.until('a frame that is not stale', ({ items }) => items.at(-1)?.stale === false);
    const resumed = await watch(first.cursor);
    expect(resumed.items[0]?.reset).toBe(false);
    const outdated = await watch(cursor);
    expect(outdated.items[0]?.reset).toBe(true);
    for (const reader of [first, resumed, outdated]) await reader.close();
  });

  it('rule 5.2: friend lists are read again for another lineage, and for that alone', async () => {
    const reader = await watch();
    const before = graph.readings;
    store.lose();
    await reader.until('the loss', ({ items }) => items.at(-1)?.stale === true);
    store.restore();
    await reader.until('the end of the loss', ({ items }) => items.at(-1)?.stale === false);
    expect(graph.readings).toBe(before);
    store.lose();
    await reader.until('the next loss', ({ items }) => items.at(-1)?.stale === true);
    store.endLineage();
    store.restore();
    await reader.until('the end of the next loss', ({ items }) => items.at(-1)?.stale === false);
    expect(graph.readings).toBe(before + 1);
    await reader.close();
  });

  it('rule 9.4: however many streams there are, the store is not asked for all their friend lists at once', async () => {
    const readers: RosterReader[] = [];
    for (let n = 0; n < 300; n += 1) {
      const feed = await rollcall.watchRoster(`viewer ${n}`, { only: null, after: null, coalesceMs: 0 });
      readers.push(new RosterReader(feed));
    }
    const known = await watch();
    const before = graph.readings;
    store.lose();
    await known.until('the loss', ({ items }) => items.at(-1)?.stale === true);
    store.endLineage();
    store.restore();
    // Last in the line.
    await graph.befriend([['ada', 'dee']]);
    await known.until('the new friend', ({ roster }) => roster.has('dee'));
    expect(graph.readings - before).toBeGreaterThanOrEqual(301);
    expect(graph.mostAtOnce).toBeLessThanOrEqual(64);
    for (const reader of [known, ...readers]) await reader.close();
  });
});

async function until(holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error('It did not come to that.');
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
