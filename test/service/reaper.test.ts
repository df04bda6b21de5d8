import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { unavailable } from '../../src/errors.ts';
import { MemoryFriendGraph } from '../../src/friends/memory.ts';
import type { UserId } from '../../src/presence/record.ts';
import { createRollcall, type RunningRollcall } from '../../src/service/create.ts';
import { MemoryPresenceStore } from '../../src/store/memory.ts';
import type { Commit } from '../../src/store/port.ts';
import { boundTo, commit, eventually } from '../contract/presence-store-setting.ts';
import { quiet } from '../support/quiet.ts';
import { beat, SETTINGS, user } from './world.ts';

/** Renewals that a busy machine makes late are no outage. */
const STEADY = { ...SETTINGS, heartbeatIntervalMs: 100, heartbeatToleranceMs: 700, nodeLeaseMs: 3_000 };

/** The embedded engine, with users whom it cannot store for a while. */
class PoisonedStore extends MemoryPresenceStore {
  readonly committed: UserId[] = [];
  before: (userId: UserId) => void = () => {};
  poisoned = false;

  override async commit(asked: Commit) {
    this.before(asked.userId);
    if (this.poisoned && asked.userId.startsWith('poison')) throw unavailable('This one cannot be stored.');
    const result = await super.commit(asked);
    if (result.committed) this.committed.push(asked.userId);
    return result;
  }

  async nobodyBound(users: readonly UserId[]): Promise<boolean> {
    return (await this.load(users)).every(({ sessions }) => sessions.every(({ binding }) => binding === null));
  }
}

const names = (count: number, kind: string): UserId[] =>
  Array.from({ length: count }, (_, index) => `${kind}-${index}`);

describe('dead nodes', () => {
  let graph: MemoryFriendGraph;
  let store: PoisonedStore;
  let node: RunningRollcall | null;

  beforeEach(() => {
    node = null;
    store = new PoisonedStore();
    graph = new MemoryFriendGraph(store.clock);
  });
  afterEach(async () => {
    await node?.close();
    await graph.close();
    await store.close();
  });

  async function start(): Promise<RunningRollcall> {
    node = await createRollcall({ store, friends: graph, settings: STEADY, log: quiet });
    return node;
  }

  /** A node that took its lease, bound these users, and is gone. */
  async function leaveDead(name: string, users: readonly UserId[]): Promise<void> {
    await store.leases.renew(name, { ms: 300, settings: '' }, true);
    for (const userId of users) await commit(store, userId, { over: boundTo(name) });
  }

  it('rule 2.6: one whose sessions cannot be released keeps nobody else bound, and no other node', async () => {
    // More than are read at once, and the first ones on the list.
    const [poison, first, second] = [names(700, 'poison'), names(100, 'first'), names(100, 'second')];
    await leaveDead('dead-1', [...poison, ...first]);
    await leaveDead('dead-2', second);
    store.poisoned = true;
    await start();
    await eventually(
      () => store.nobodyBound([...first, ...second]),
      (free) => free,
    );
    expect(await store.nobodyBound(poison.slice(0, 1))).toBe(false);
    store.poisoned = false;
    await eventually(
      () => store.leases.members('dead-1', 1),
      (members) => members.length === 0,
    );
  });

  it('rule 9.4: a heartbeat passes by all whom a dead node had bound', async () => {
    await leaveDead('dead', names(5_000, 'user'));
    const running = await start();
    const from = store.committed.length;
    await new Promise<unknown>((resolve) => {
      store.before = () => {
        store.before = () => {};
        setImmediate(() => resolve(running.heartbeat(user('live'), beat('s'))));
      };
    });
    expect(store.committed.slice(from).indexOf('live')).toBeGreaterThan(0);
    expect(store.committed.slice(from).indexOf('live')).toBeLessThan(1_000);
  });
});
