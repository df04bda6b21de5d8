import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Reader } from '../support/reader.ts';
import { backend, beat, type EngineSource, openWorld, user, type World } from './world.ts';

/** How sessions live, end and are handed over between nodes, on every engine. */
export function sessionContract(engine: string, source: () => Promise<EngineSource>): void {
  describe(`sessions on ${engine}`, () => {
    let world: World;

    beforeEach(async () => {
      world = await openWorld(await source());
      await world.rollcall.syncFriends(backend, 'ada', ['bob', 'cy']);
    });
    afterEach(() => world.close());

    it('rule 2: without a connection a session ends a lease after its last heartbeat, to its very time', async () => {
      const reader = await world.watch('ada');
      const { session, nextHeartbeatMs } = await world.rollcall.heartbeat(user('bob'), beat('b1'));
      expect(nextHeartbeatMs).toBe(600);
      await reader.sees('bob', 'ONLINE');
      await reader.sees('bob', 'OFFLINE');
      expect(reader.roster.get('bob')?.since).toBe(session.expiresAt);
    });

    it('rule 1: an override shows until its end, then what lies under it', async () => {
      const reader = await world.watch('ada');
      await world.rollcall.heartbeat(user('bob', 'k1'), beat('b1'));
      world.rollcall.connectionOpened('k1');
      await world.rollcall.heartbeat(user('bob', 'k1'), beat('b1', { bindToConnection: true }));
      const { since } = (await reader.sees('bob', 'ONLINE')).roster.get('bob') ?? { since: null };
      const expiresAt = (since ?? 0) + 1_500;
      await world.rollcall.setOverride(user('bob'), {
        status: 'DO_NOT_DISTURB',
        source: 'user',
        priority: 0,
        expiresAt,
      });
      await reader.sees('bob', 'DO_NOT_DISTURB');
      await reader.sees('bob', 'ONLINE');
      expect(reader.roster.get('bob')?.since).toBe(expiresAt);
    });

    it('rule 2: an open connection keeps a session without heartbeats, and its loss leaves the grace', async () => {
      world.rollcall.connectionOpened('k1');
      const bound = await world.rollcall.heartbeat(user('bob', 'k1'), beat('b1', { bindToConnection: true }));
      expect(bound).toMatchObject({ nextHeartbeatMs: null, session: { expiresAt: null } });
      const reader = await world.watch('ada');
      await reader.sees('bob', 'ONLINE');
      // Another one's unbound session outlives its lease meanwhile: time enough has passed for both.
      await world.rollcall.heartbeat(user('cy'), beat('c1'));
      await reader.sees('cy', 'ONLINE');
      await reader.sees('cy', 'OFFLINE');
      expect(reader.status('bob')).toBe('ONLINE');
      await world.rollcall.connectionClosed('k1');
      const session = (await world.rollcall.record('bob')).sessions[0];
      expect(session?.binding).toBeNull();
      await reader.sees('bob', 'OFFLINE');
      expect(reader.roster.get('bob')?.since).toBe(session?.expiresAt);
    });

    it('rule 2: reconnecting within the grace, through another node, is invisible', async () => {
      const other = await world.node();
      world.rollcall.connectionOpened('k1');
      other.connectionOpened('k2');
      await world.rollcall.heartbeat(user('bob', 'k1'), beat('b1', { bindToConnection: true }));
      const reader = await world.watch('ada');
      await reader.sees('bob', 'ONLINE');
      const frames = reader.items.length;
      await world.rollcall.connectionClosed('k1');
      await other.heartbeat(user('bob', 'k2'), beat('b1', { bindToConnection: true }));
      // Longer than the grace: cy's lease is.
      await world.rollcall.heartbeat(user('cy'), beat('c1'));
      await reader.sees('cy', 'OFFLINE');
      expect(reader.items.slice(frames).flatMap(({ changes }) => changes.map(({ id }) => id))).not.toContain('bob');
      expect(reader.status('bob')).toBe('ONLINE');
    });

    it('rule 2: a late goodbye of the old connection does not touch the new one', async () => {
      const other = await world.node();
      world.rollcall.connectionOpened('k1');
      other.connectionOpened('k2');
      await world.rollcall.heartbeat(user('bob', 'k1'), beat('b1', { bindToConnection: true }));
      await other.heartbeat(user('bob', 'k2'), beat('b1', { bindToConnection: true }));
      await world.rollcall.connectionClosed('k1');
      expect((await other.record('bob')).sessions[0]).toMatchObject({ expiresAt: null, binding: { connection: 'k2' } });
    });

    it('rule 2: a connection that closed before its heartbeat was stored keeps nothing', async () => {
      world.rollcall.connectionOpened('k1');
      const beating = world.rollcall.heartbeat(user('bob', 'k1'), beat('b1', { bindToConnection: true }));
      await world.rollcall.connectionClosed('k1');
      await beating;
      const reader = await world.watch('ada');
      await reader.sees('bob', 'OFFLINE');
    });

    it('rule 2: what a dead node kept alive ends a lease after its last renewal, unless it comes back elsewhere', async () => {
      const doomed = await world.node();
      doomed.connectionOpened('k1');
      doomed.connectionOpened('k2');
      await doomed.heartbeat(user('bob', 'k1'), beat('b1', { bindToConnection: true }));
      await doomed.heartbeat(user('cy', 'k2'), beat('c1', { bindToConnection: true }));
      const reader = await world.watch('ada');
      await reader.sees('cy', 'ONLINE');
      await world.kill(doomed);
      world.rollcall.connectionOpened('k3');
      await world.rollcall.heartbeat(user('cy', 'k3'), beat('c1', { bindToConnection: true }));
      await reader.sees('bob', 'OFFLINE');
      expect(
        reader.items
          .flatMap(({ changes }) => changes)
          .filter(({ id, view }) => id === 'cy' && view.status !== 'ONLINE'),
      ).toEqual([]);
    });

    it('rule 3: however many nodes race for a deadline, it is published once', async () => {
      const nodes = [world.rollcall, await world.node(), await world.node()];
      const reader = await world.watch('ada');
      await reader.until('the first frame', ({ items }) => items.length > 0);
      await Promise.all(nodes.map((node) => node.heartbeat(user('bob'), beat('b1'))));
      await reader.sees('bob', 'ONLINE');
      await reader.sees('bob', 'OFFLINE');
      await world.rollcall.heartbeat(user('cy'), beat('c1'));
      await reader.sees('cy', 'ONLINE');
      const shown = reader.items.flatMap(({ changes }) => changes.filter(({ id }) => id === 'bob'));
      expect(shown.map(({ view }) => view.status)).toEqual(['OFFLINE', 'ONLINE', 'OFFLINE']);
    });

    it('rule 1: the viewer stream follows all devices and the friend requests of its user', async () => {
      const other = await world.node();
      const own = new Reader(await world.rollcall.watchViewer('bob'));
      await own.until('the first item', ({ items }) => items.length > 0);
      await other.heartbeat(user('bob'), beat('phone', { client: 'MOBILE' }));
      await own.until('the session', ({ items }) => items.at(-1)?.sessions[0]?.id === 'phone');
      await other.setVisibility(user('bob'), { invisible: true, hideFrom: [], showTo: [] });
      await own.until('invisible', ({ items }) => items.at(-1)?.everyone.hidden === true);
      const before = own.items.length;
      await other.addFriend(user('zoe'), 'bob');
      await own.until('the request', ({ items }) => items.length > before);
      await own.close();
    });
  });
}
