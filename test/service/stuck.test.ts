import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { unavailable } from '../../src/errors.ts';
import { MemoryFriendGraph } from '../../src/friends/memory.ts';
import { createRollcall, type RunningRollcall } from '../../src/service/create.ts';
import { MemoryPresenceStore } from '../../src/store/memory.ts';
import type { Commit, CommitResult } from '../../src/store/port.ts';
import { quiet } from '../support/quiet.ts';
import { beat, SETTINGS, user } from './world.ts';

/** The embedded engine over a line that breaks with a commit on it, which arrives all the same, much later. */
class StuckStore extends MemoryPresenceStore {
  readonly commits: Commit[] = [];
  readonly #stuck: Commit[] = [];
  #breaking = 0;

  breakUnder(commits: number): void {
    this.#breaking = commits;
  }

  override async commit(commit: Commit): Promise<CommitResult> {
    if (this.#breaking > 0) {
      this.#breaking -= 1;
      this.#stuck.push(commit);
      throw unavailable('The connection broke.');
    }
    this.commits.push(commit);
    return super.commit(commit);
  }

  /** What was stuck arrives, in its order. */
  async arrive(): Promise<boolean[]> {
    const arrived: boolean[] = [];
    for (const commit of this.#stuck.splice(0)) arrived.push((await super.commit(commit)).committed);
    return arrived;
  }
}

describe('a commit that is stuck on a broken line', () => {
  const bound = beat('s1', { bindToConnection: true });
  let store: StuckStore;
  let graph: MemoryFriendGraph;
  let rollcall: RunningRollcall;

  beforeEach(async () => {
    store = new StuckStore();
    graph = new MemoryFriendGraph(store.clock);
    rollcall = await createRollcall({ store, friends: graph, settings: SETTINGS, log: quiet });
    rollcall.connectionOpened('c1');
  });
  afterEach(async () => {
    await rollcall.close();
    await graph.close();
    await store.close();
  });

  const refused = { code: 'UNAVAILABLE' };

  it.each([
    ['of somebody known', true],
    ['of somebody new', false],
  ])('rule 2.5: binds nothing to a connection that has closed meanwhile, %s', async (_whom, known) => {
    if (known) await rollcall.heartbeat(user('bob'), beat('s1'));
    store.breakUnder(1);
    await expect(rollcall.heartbeat(user('bob', 'c1'), bound)).rejects.toMatchObject(refused);
    await rollcall.connectionClosed('c1');
    expect(await store.arrive()).toEqual([false]);
    const [record] = await store.load(['bob']);
    expect(record?.sessions.filter(({ binding }) => binding !== null)).toEqual([]);
  });

  it('rule 2.5: nor do several, of which only the last one is from what stands now', async () => {
    store.breakUnder(2);
    await expect(rollcall.heartbeat(user('bob', 'c1'), bound)).rejects.toMatchObject(refused);
    await expect(rollcall.heartbeat(user('bob', 'c1'), bound)).rejects.toMatchObject(refused);
    await rollcall.connectionClosed('c1');
    expect(await store.arrive()).toEqual([false, false]);
  });

  it('rule 3.6: once nothing can be on its way any more, what changes nothing is not written', async () => {
    store.breakUnder(1);
    await expect(rollcall.heartbeat(user('bob', 'c1'), bound)).rejects.toMatchObject(refused);
    await rollcall.heartbeat(user('bob', 'c1'), bound);
    await rollcall.connectionClosed('c1');
    const before = store.commits.length;
    rollcall.connectionOpened('c2');
    await rollcall.connectionClosed('c2');
    await rollcall.setVisibility(user('bob'), { invisible: false, hideFrom: [], showTo: [] });
    expect(store.commits).toHaveLength(before);
  });
});
