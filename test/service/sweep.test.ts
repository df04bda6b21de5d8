import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { unavailable } from '../../src/errors.ts';
import { MemoryFriendGraph } from '../../src/friends/memory.ts';
import { EMPTY_RECORD, type Session, type UserId } from '../../src/presence/record.ts';
import { createRollcall, type RunningRollcall } from '../../src/service/create.ts';
import { MemoryPresenceStore } from '../../src/store/memory.ts';
import type { Commit } from '../../src/store/port.ts';
import { commit, eventually, Heard } from '../contract/presence-store-setting.ts';
import { quiet } from '../support/quiet.ts';
import { beat, SETTINGS, user } from './world.ts';

/** Renewals that a busy machine makes late are no outage. */
const STEADY = { ...SETTINGS, heartbeatIntervalMs: 100, heartbeatToleranceMs: 700, nodeLeaseMs: 3_000 };

/** How many a node works on at once, and one command of a client's. */
const AT_ONCE = 64 + 1;

/** The embedded engine, watched, and with users whom it cannot store. */
class WatchedStore extends MemoryPresenceStore {
  /** Who was committed, in their order. */
  readonly committed: UserId[] = [];
  readonly looks = new Map<UserId, number>();
  readonly sweeps = new Set<number>();
  mostAtOnce = 0;
  /** Called before each commit. */
  before: (userId: UserId) => void = () => {};
  isPoison: (userId: UserId) => boolean = () => false;
  #now = 0;

  override async commit(asked: Commit) {
    const { userId } = asked;
    this.looks.set(userId, (this.looks.get(userId) ?? 0) + 1);
    this.before(userId);
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.#now);
    try {
      // Answers come in a turn of the event loop of their own or at once, as those of real stores do.
      if (this.looks.size % 2 === 0) await new Promise((resolve) => setImmediate(resolve));
      if (this.isPoison(userId)) throw unavailable('This one cannot be stored.');
      const result = await super.commit(asked);
      if (result.committed) this.committed.push(userId);
      return result;
    } finally {
      this.#now -= 1;
    }
  }

  override async due(now: number, limit: number) {
    this.sweeps.add(now);
    return super.due(now, limit);
  }

  async allOffline(users: readonly UserId[]): Promise<boolean> {
    const records = await this.load(users);
    return records.every(({ everyone, sessions }) => everyone.view.status === 'OFFLINE' && sessions.length === 0);
  }
}

/** The embedded engine as it is, told whenever it commits. */
class PlainStore extends MemoryPresenceStore {
  readonly committed: UserId[] = [];
  before: (userId: UserId) => void = () => {};

  override async commit(asked: Commit) {
    this.before(asked.userId);
    const result = await super.commit(asked);
    if (result.committed) this.committed.push(asked.userId);
    return result;
  }
}

const names = (count: number, kind: string): UserId[] =>
  Array.from({ length: count }, (_, index) => `${kind}-${index}`);

describe('the sweep', () => {
  let graph: MemoryFriendGraph;
  let store: MemoryPresenceStore;
  let nodes: RunningRollcall[];

  beforeEach(() => {
    nodes = [];
  });
  afterEach(async () => {
    for (const node of nodes) await node.close();
    await graph.close();
    await store.close();
  });

  async function start(on: MemoryPresenceStore, count = 1): Promise<void> {
    store = on;
    graph = new MemoryFriendGraph(store.clock);
    for (let node = 0; node < count; node += 1) {
      nodes.push(await createRollcall({ store, friends: graph, settings: STEADY, log: quiet }));
    }
  }

  /** Sessions whose end nobody has kept: their node is gone. */
  async function leaveOverdue(on: MemoryPresenceStore, users: readonly UserId[]): Promise<void> {
    const past = on.clock.now() - 60_000;
    const session = { client: 'WEB', activity: 'ACTIVE', lastActiveAt: past, expiresAt: past, binding: null } as const;
    const sessions: Session[] = [{ id: 's', ...session }];
    for (const userId of users) await commit(on, userId, { over: { sessions }, wakeAt: past, visible: false });
  }

  it('rule 1.13: whoever cannot be brought up to date keeps nobody else waiting', async () => {
    const watched = new WatchedStore();
    // More than are read at once, and the first ones in the queue.
    const [poison, others] = [names(700, 'poison'), names(100, 'user')];
    await leaveOverdue(watched, [...poison, ...others]);
    watched.isPoison = (userId) => userId.startsWith('poison');
    await start(watched);
    await eventually(
      () => watched.allOffline(others),
      (offline) => offline,
    );
    expect(await watched.allOffline(poison.slice(0, 1))).toBe(false);
  });

  it('rule 1.13: nor is looked at again each second', async () => {
    const watched = new WatchedStore();
    await leaveOverdue(watched, ['poison']);
    watched.isPoison = () => true;
    /** By the beginning of the sweep that looked. */
    const looks: number[] = [];
    watched.before = () => void looks.push([...watched.sweeps].at(-1) ?? 0);
    await start(watched);
    await eventually(
      async () => looks.length,
      (count) => count >= 3,
    );
    expect((looks[2] ?? 0) - (looks[1] ?? 0)).toBeGreaterThanOrEqual(2_000);
  });

  it('rule 1.13: a deadline that the record does not ask for is put right with one commit', async () => {
    const watched = new WatchedStore();
    const past = watched.clock.now() - 60_000;
    await commit(watched, 'idle', { over: { everyone: EMPTY_RECORD.everyone }, wakeAt: past, visible: false });
    await start(watched, 2);
    const before = watched.committed.length;
    await eventually(
      () => watched.due(Number.MAX_SAFE_INTEGER, 10),
      (due) => due.length === 0,
    );
    expect(watched.committed.slice(before).filter((userId) => userId === 'idle').length).toBeLessThanOrEqual(2);
  });

  it('rule 3.2: however many nodes sweep, each transition is published once', async () => {
    const watched = new WatchedStore();
    const users = names(600, 'user');
    await leaveOverdue(watched, users);
    const heard = new Heard();
    await watched.listen(0, heard);
    await start(watched, 3);
    await eventually(
      () => watched.allOffline(users),
      (offline) => offline,
    );
    await watched.caughtUp();
    expect(heard.users.toSorted()).toEqual(users.toSorted());
  });

  it('rule 9.4: twenty thousand who are overdue are dealt with few at once', async () => {
    const watched = new WatchedStore();
    const users = names(20_000, 'user');
    await leaveOverdue(watched, users);
    watched.mostAtOnce = 0;
    await start(watched);
    while (!(await watched.allOffline(users))) await new Promise((resolve) => setTimeout(resolve, 100));
    expect(watched.mostAtOnce).toBeLessThanOrEqual(AT_ONCE);
  }, 120_000);

  it('rule 9.4: a heartbeat passes by all who are overdue, also on an engine that answers at once', async () => {
    const plain = new PlainStore();
    await leaveOverdue(plain, names(20_000, 'user'));
    await start(plain);
    const from = plain.committed.length;
    const beating = new Promise<unknown>((resolve) => {
      plain.before = () => {
        plain.before = () => {};
        setImmediate(() => resolve(nodes[0]?.heartbeat(user('live'), beat('s'))));
      };
    });
    await beating;
    expect(plain.committed.slice(from).indexOf('live')).toBeGreaterThan(0);
    expect(plain.committed.slice(from).indexOf('live')).toBeLessThan(1_000);
  });

  it('rule 9.4: and by all whose deadlines this node keeps itself', async () => {
    const plain = new PlainStore();
    await start(plain);
    // All of them have to be set before the first one ends, however long that takes here.
    for (let [spanMs, expiresAt] = [1_000, 0]; plain.clock.now() >= expiresAt; spanMs *= 2) {
      expiresAt = plain.clock.now() + spanMs;
      for (const userId of names(2_000, 'user')) {
        await nodes[0]?.setOverride(user(userId), { status: 'AWAY', source: 'test', priority: 0, expiresAt });
        // Or the node could not renew its lease meanwhile.
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    const from = plain.committed.length;
    const beating = new Promise<unknown>((resolve) => {
      plain.before = () => {
        plain.before = () => {};
        setImmediate(() => resolve(nodes[0]?.heartbeat(user('live'), beat('s'))));
      };
    });
    await beating;
    expect(plain.committed.slice(from).indexOf('live')).toBeGreaterThan(0);
    expect(plain.committed.slice(from).indexOf('live')).toBeLessThan(1_000);
  }, 120_000);
});
