import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { backend, beat, type EngineSource, openWorld, user, type World } from './world.ts';

/** What streams promise, on every engine. */
export function rosterContract(engine: string, source: () => Promise<EngineSource>): void {
  describe(`roster streams on ${engine}`, () => {
    let world: World;

    beforeEach(async () => {
      world = await openWorld(await source(), { heartbeatIntervalMs: 60_000, disconnectGraceMs: 60_000 });
      await world.rollcall.syncFriends(backend, 'ada', ['bob', 'cy', 'dee']);
    });
    afterEach(() => world.close());

    it('rule 5: begins with the whole roster, those who were never seen included', async () => {
      await world.rollcall.heartbeat(user('bob'), beat('b1'));
      const reader = await world.watch('ada');
      await reader.until('the first frame', ({ items }) => items.length > 0);
      expect(reader.items[0]).toMatchObject({ reset: true, removed: [], stale: false });
      expect([...reader.roster.keys()].sort()).toEqual(['bob', 'cy', 'dee']);
      expect(reader.status('bob')).toBe('ONLINE');
      expect(reader.roster.get('cy')).toMatchObject({
        status: 'OFFLINE',
        since: null,
        lastActiveAt: null,
        clients: [],
      });
    });

    it('rule 5: begins at once for one without friends', async () => {
      const reader = await world.watch('nobody');
      await reader.until('the first frame', ({ items }) => items.length > 0);
      expect(reader.items[0]).toMatchObject({ reset: true, changes: [], removed: [] });
    });

    it('rule 3: shows a change made through another node, once', async () => {
      const other = await world.node();
      const reader = await world.watch('ada');
      await reader.until('the first frame', ({ items }) => items.length > 0);
      await other.heartbeat(user('bob'), beat('b1'));
      await reader.sees('bob', 'ONLINE');
      await other.heartbeat(user('bob'), beat('b1'));
      await other.heartbeat(user('cy'), beat('c1'));
      await reader.sees('cy', 'ONLINE');
      const frames = reader.items.filter(({ changes }) => changes.some(({ id }) => id === 'bob'));
      expect(frames).toHaveLength(2);
    });

    it('rule 9: gives one who does not read the newest state of each friend in one frame', async () => {
      const feed = await world.rollcall.watchRoster('ada', { only: null, after: null, coalesceMs: 0 });
      await feed.next();
      for (let round = 0; round < 20; round += 1) {
        await world.rollcall.setCustomStatus(user('bob'), { text: `round ${round}`, emoji: null, expiresAt: null });
        await world.rollcall.heartbeat(user('cy'), beat('c1', { client: round % 2 === 0 ? 'WEB' : 'MOBILE' }));
      }
      const reader = await world.watch('ada');
      await reader.until('the last round', (r) => r.roster.get('bob')?.customStatus?.text === 'round 19');
      const frame = await feed.next();
      expect(frame.value?.changes.map(({ id }) => id).sort()).toEqual(['bob', 'cy']);
      expect(frame.value?.changes.find(({ id }) => id === 'bob')?.view.customStatus?.text).toBe('round 19');
      await feed.return?.();
    });

    it('rule 8: a friendship made or ended reaches open streams at once', async () => {
      const reader = await world.watch('ada');
      await reader.until('the first frame', ({ items }) => items.length > 0);
      await world.rollcall.addFriend(user('ada'), 'eve');
      await world.rollcall.heartbeat(user('eve'), beat('e1'));
      expect(reader.roster.has('eve')).toBe(false);
      await world.rollcall.addFriend(user('eve'), 'ada');
      await reader.sees('eve', 'ONLINE');
      await world.rollcall.removeFriend(user('ada'), 'bob');
      await reader.until('bob to be gone', ({ roster }) => !roster.has('bob'));
      await world.rollcall.blockUser(user('cy'), 'ada');
      await reader.until('cy to be gone', ({ roster }) => !roster.has('cy'));
      expect([...reader.roster.keys()].sort()).toEqual(['dee', 'eve']);
    });

    it('rule 8: who is no friend is left out of a choice of people until they are one', async () => {
      const reader = await world.watch('ada', { only: ['bob', 'stranger', 'ada'] });
      await reader.until('the first frame', ({ items }) => items.length > 0);
      expect([...reader.roster.keys()]).toEqual(['bob']);
      await world.rollcall.heartbeat(user('cy'), beat('c1'));
      await world.rollcall.heartbeat(user('stranger'), beat('s1'));
      await world.rollcall.syncFriends(backend, 'ada', ['bob', 'cy', 'dee', 'stranger']);
      await reader.sees('stranger', 'ONLINE');
      expect([...reader.roster.keys()].sort()).toEqual(['bob', 'stranger']);
    });

    it('rule 7: hiding looks like going, and a change in hiding makes no frame', async () => {
      await world.rollcall.heartbeat(user('bob'), beat('b1'));
      await world.rollcall.heartbeat(user('cy'), beat('c1'));
      const reader = await world.watch('ada');
      await reader.sees('bob', 'ONLINE');
      await world.rollcall.setVisibility(user('bob'), { invisible: null, hideFrom: ['ada'], showTo: [] });
      await reader.sees('bob', 'OFFLINE');
      const frames = reader.items.length;
      await world.rollcall.setCustomStatus(user('bob'), { text: 'secret', emoji: null, expiresAt: null });
      await world.rollcall.heartbeat(user('bob'), beat('b2', { client: 'MOBILE' }));
      await world.rollcall.endSession(user('bob'), 'b1');
      await world.rollcall.endSession(user('cy'), 'c1');
      await reader.sees('cy', 'OFFLINE');
      expect(reader.items).toHaveLength(frames + 1);
      expect(reader.items.at(-1)?.changes.map(({ id }) => id)).toEqual(['cy']);
      expect(reader.roster.get('bob')?.customStatus).toBeNull();
    });

    it('rule 6: a cursor taken on one node resumes on another with exactly what changed', async () => {
      const other = await world.node();
      await world.rollcall.heartbeat(user('bob'), beat('b1'));
      const reader = await world.watch('ada');
      await reader.sees('bob', 'ONLINE');
      const { cursor } = reader;
      await reader.close();

      const unchanged = await world.watch('ada', { on: other, after: cursor });
      await unchanged.until('the first frame', ({ items }) => items.length > 0);
      expect(unchanged.items[0]).toMatchObject({ reset: false, changes: [], removed: [] });
      await unchanged.close();

      await world.rollcall.heartbeat(user('cy'), beat('c1'));
      const resumed = await world.watch('ada', { on: other, after: unchanged.cursor });
      await resumed.until('the first frame', ({ items }) => items.length > 0);
      expect(resumed.items[0]).toMatchObject({ reset: false, removed: [] });
      expect(resumed.items[0]?.changes.map(({ id }) => id)).toEqual(['cy']);
    });

    it('rule 6.1: a cursor brings what changed in the list also where the roster is open already', async () => {
      const first = await world.watch('ada');
      await first.until('the first frame', ({ items }) => items.length > 0);
      const { cursor } = first;
      await world.rollcall.syncFriends(backend, 'ada', ['bob', 'dee', 'eli']);
      await first.until('the new list', ({ roster }) => roster.has('eli') && !roster.has('cy'));
      for (const round of [1, 2]) {
        const resumed = await world.watch('ada', { after: cursor });
        await resumed.until(`the first frame of ${round}`, ({ items }) => items.length > 0);
        expect(resumed.items[0]).toMatchObject({ reset: false, removed: ['cy'] });
        expect(resumed.items[0]?.changes.map(({ id }) => id)).toEqual(['eli']);
      }
    });

    it('rule 6: what was hidden, ended or blocked meanwhile arrives as its retraction', async () => {
      for (const id of ['bob', 'cy', 'dee']) await world.rollcall.heartbeat(user(id), beat(`${id}1`));
      const reader = await world.watch('ada');
      await reader.sees('dee', 'ONLINE');
      await reader.close();
      await world.rollcall.setVisibility(user('bob'), { invisible: true, hideFrom: [], showTo: [] });
      await world.rollcall.blockUser(user('cy'), 'ada');
      await world.rollcall.removeFriend(user('dee'), 'ada');
      await world.rollcall.syncFriends(backend, 'ada', ['bob', 'eve']);
      const resumed = await world.watch('ada', { after: reader.cursor });
      await resumed.until('the first frame', ({ items }) => items.length > 0);
      const first = resumed.items[0];
      expect(first?.reset).toBe(false);
      expect(first?.changes.map(({ id, view }) => [id, view.status]).sort()).toEqual([
        ['bob', 'OFFLINE'],
        ['eve', 'OFFLINE'],
      ]);
      expect([...(first?.removed ?? [])].sort()).toEqual(['cy', 'dee']);
    });

    it.each([
      ['one that is none', async () => 'from nowhere'],
      ['one of another viewer', async (w: World) => firstCursor(w, 'bob')],
      ['one of another choice of people', async (w: World) => firstCursor(w, 'ada', ['bob'])],
      ['one from the future', async (w: World) => inTheFuture(await firstCursor(w, 'ada'))],
    ])('rule 6: an unknown cursor gives the whole roster: %s', async (_kind, make) => {
      const after = await make(world);
      const reader = await world.watch('ada', { after });
      await reader.until('the first frame', ({ items }) => items.length > 0);
      expect(reader.items[0]?.reset).toBe(true);
      expect(reader.roster.size).toBe(3);
    });

    it('rule 9: frames keep the distance that was asked for', async () => {
      const reader = await world.watch('ada', { coalesceMs: 1_500 });
      await reader.until('the first frame', ({ items }) => items.length > 0);
      await world.rollcall.heartbeat(user('bob'), beat('b1'));
      await world.rollcall.heartbeat(user('cy'), beat('c1'));
      await world.rollcall.heartbeat(user('dee'), beat('d1'));
      await reader.sees('dee', 'ONLINE');
      expect(reader.items).toHaveLength(2);
    });

    it('rule 9: ends when it is told to, also while it waits', async () => {
      const feed = await world.rollcall.watchRoster('ada', { only: null, after: null, coalesceMs: 0 });
      await feed.next();
      const waiting = feed.next();
      await feed.return?.();
      expect((await waiting).done).toBe(true);
      expect((await feed.next()).done).toBe(true);
    });
  });
}

async function firstCursor(world: World, viewer: string, only?: string[]): Promise<string> {
  const reader = await world.watch(viewer, only ? { only } : {});
  await reader.until('the first frame', ({ items }) => items.length > 0);
  await reader.close();
  return reader.cursor;
}

function inTheFuture(cursor: string): string {
  const [version, scope, presence, friends] = cursor.split('.');
  const later = Number.parseInt(presence ?? '0', 36) + 4_000_000_000_000_000;
  return [version, scope, later.toString(36), friends].join('.');
}
