import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { unavailable } from '../../src/errors.ts';
import { MemoryFriendGraph } from '../../src/friends/memory.ts';
import type { Logger } from '../../src/log.ts';
import type { Session, UserId } from '../../src/presence/record.ts';
import { createRollcall, type RunningRollcall } from '../../src/service/create.ts';
import { MemoryPresenceStore } from '../../src/store/memory.ts';
import type { Commit } from '../../src/store/port.ts';
import { eventually, Heard } from '../contract/presence-store-setting.ts';
import { quiet } from '../support/quiet.ts';
import { PATIENCE_MS } from '../support/reader.ts';
import { beat, SETTINGS, user } from './world.ts';

/** The embedded engine over a line that loses answers, and with a lineage that can end. */
class UnsteadyStore extends MemoryPresenceStore {
  #losing: UserId | null = null;
  #lineages = 0;
  /** Who cannot be stored, and with what error. */
  readonly refusals = new Map<UserId, Error>();
  commits = 0;

  override lineage(): string {
    return `${super.lineage()} ${this.#lineages}`;
  }

  endLineage(): void {
    this.#lineages += 1;
  }

  /** The next commit for this user is made, and its answer lost. */
  loseAnswer(userId: UserId): void {
    this.#losing = userId;
  }

  override async commit(commit: Commit) {
    this.commits += 1;
    const refusal = this.refusals.get(commit.userId);
    if (refusal) throw refusal;
    const result = await super.commit(commit);
    if (this.#losing !== commit.userId) return result;
    this.#losing = null;
    throw unavailable('The answer was lost.');
  }

  async sessions(userId: UserId): Promise<readonly Session[]> {
    return (await this.load([userId]))[0]?.sessions ?? [];
  }

  /** What a failover does that comes before a heartbeat was copied: the session is about to end. */
  async forgetHeartbeat(userId: UserId): Promise<void> {
    const [previous] = await this.load([userId]);
    if (!previous) return;
    const sessions = previous.sessions.map((session) => ({ ...session, expiresAt: this.clock.now() + 1 }));
    await super.commit({ userId, previous, record: { ...previous, sessions }, wakeAt: null, visible: false });
  }

  /** What a failover does that comes before somebody's sessions were copied. */
  async forget(userId: UserId): Promise<void> {
    const [previous] = await this.load([userId]);
    if (!previous) return;
    await super.commit({ userId, previous, record: { ...previous, sessions: [] }, wakeAt: null, visible: true });
  }
}

describe('what binds sessions to connections, out of step', () => {
  const bound = beat('s1', { bindToConnection: true });
  let store: UnsteadyStore;
  let graph: MemoryFriendGraph;
  let rollcall: RunningRollcall;
  let told: (() => void) | null = null;

  beforeEach(async () => {
    store = new UnsteadyStore();
    graph = new MemoryFriendGraph(store.clock);
    const log: Logger = { ...quiet, info: (_details, message) => message.startsWith('the store was told') && told?.() };
    rollcall = await createRollcall({ store, friends: graph, settings: SETTINGS, log });
    rollcall.connectionOpened('c1');
  });
  afterEach(async () => {
    await rollcall.close();
    await graph.close();
    await store.close();
  });

  /** The store falls back to older data; resolves when it has been told again what is held here. */
  async function failOver(lost: UserId): Promise<void> {
    const again = new Promise<void>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error('the store was not told again')), PATIENCE_MS);
      told = () => {
        clearTimeout(late);
        resolve();
      };
    });
    await store.forget(lost);
    store.endLineage();
    await again;
  }

  it('rule 2.5: the connection closes after a heartbeat whose answer was lost', async () => {
    store.loseAnswer('bob');
    await expect(rollcall.heartbeat(user('bob', 'c1'), bound)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(await store.sessions('bob')).toMatchObject([{ expiresAt: null, binding: { connection: 'c1' } }]);
    await rollcall.connectionClosed('c1');
    expect(await store.sessions('bob')).toMatchObject([{ expiresAt: expect.any(Number), binding: null }]);
  });

  it('rule 2.8: a session that was ended while its heartbeat was under way is not held', async () => {
    rollcall.connectionOpened('c2');
    await rollcall.heartbeat(user('cy', 'c2'), bound);
    await Promise.all([rollcall.heartbeat(user('bob', 'c1'), bound), rollcall.endSession(user('bob', 'c1'), 's1')]);
    await failOver('cy');
    expect(await store.sessions('cy')).toMatchObject([{ binding: { connection: 'c2' } }]);
    expect(await store.sessions('bob')).toEqual([]);
  });

  it('rule 2.8: a session that comes back at once after its end is held again', async () => {
    await Promise.all([rollcall.endSession(user('bob', 'c1'), 's1'), rollcall.heartbeat(user('bob', 'c1'), bound)]);
    await failOver('bob');
    expect(await store.sessions('bob')).toMatchObject([{ binding: { connection: 'c1' } }]);
  });

  it('rule 2.9: a session that cannot be said again keeps no other one from it, and is not tried for ever', async () => {
    rollcall.connectionOpened('c2');
    await rollcall.heartbeat(user('refused', 'c2'), bound);
    const users = Array.from({ length: 100 }, (_, index) => `user-${index}`);
    for (const userId of users) {
      rollcall.connectionOpened(`c-${userId}`);
      await rollcall.heartbeat(user(userId, `c-${userId}`), bound);
      await store.forget(userId);
    }
    await store.forget('refused');
    store.refusals.set('refused', new Error('a record that only a hand can have written'));
    await failOver('bob');
    const records = await store.load(users);
    expect(records.filter(({ sessions }) => sessions[0]?.binding)).toHaveLength(users.length);
    const { commits } = store;
    await rollcall.connectionClosed('c1');
    await new Promise((resolve) => setTimeout(resolve, 2 * SETTINGS.nodeLeaseMs));
    expect(store.commits - commits).toBeLessThan(5);
    store.refusals.clear();
  });

  it('rule 2.9: one that could not be said again for a while is said as soon as it can be', async () => {
    rollcall.connectionOpened('c2');
    await rollcall.heartbeat(user('late', 'c2'), bound);
    await rollcall.heartbeat(user('bob', 'c1'), bound);
    await store.forget('late');
    store.refusals.set('late', unavailable('Not now.'));
    await failOver('bob');
    expect(await store.sessions('late')).toEqual([]);
    store.refusals.clear();
    const sessions = await eventually(
      () => store.sessions('late'),
      (found) => found.length > 0,
    );
    expect(sessions).toMatchObject([{ binding: { connection: 'c2' } }]);
  });

  it('rule 10.3: nobody goes offline whose heartbeats a failover has lost, however short it was', async () => {
    const { session } = await rollcall.heartbeat(user('bob'), beat('s1'));
    const heard = new Heard();
    await store.listen(0, heard);
    await store.forgetHeartbeat('bob');
    store.endLineage();
    // By what was told before it, the node has to look at bob then.
    await eventually(
      async () => store.clock.now(),
      (now) => now > (session.expiresAt ?? 0) + 200,
    );
    await rollcall.heartbeat(user('bob'), beat('s1'));
    await store.caughtUp();
    const told = heard.events.flatMap((event) => (event.type === 'changed' ? [event.record.everyone.view.status] : []));
    expect(told).not.toContain('OFFLINE');
  });
});
