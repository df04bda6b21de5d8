import { beforeAll, describe, expect, it } from 'vitest';
import { type FriendGraph, MAX_FRIENDS, MIN_TOMBSTONES } from '../../src/friends/port.ts';
import { crowd, lines, people, relation, type SharedGraph } from './friend-graph-setting.ts';

/** Whole lists: written at once, bounded, and what their versions tell. */
export function friendGraphLists(engine: string, shared: () => SharedGraph): void {
  let graph: FriendGraph;
  let there: FriendGraph;
  beforeAll(() => {
    graph = shared().here;
    there = shared().there;
  });

  describe(`whole lists, ${engine}`, () => {
    it('rule 8.5: the application says who is friends with whom, and is told what that changed', async () => {
      const [alice, bob, carol, dave] = people('alice', 'bob', 'carol', 'dave');
      expect(await graph.sync(alice, [bob, carol, bob])).toEqual({ added: 2, removed: 0 });
      await graph.relate(dave, alice, 'add');
      expect(await graph.sync(alice, [carol, dave])).toEqual({ added: 1, removed: 1 });
      expect(await graph.sync(alice, [dave, carol])).toEqual({ added: 0, removed: 0 });
      expect(await lines(graph, alice)).toEqual([
        [bob, 'none'],
        [carol, 'friend'],
        [dave, 'friend'],
      ]);
      expect(await relation(graph, bob, alice)).toBe('none');
      expect(await relation(graph, dave, alice)).toBe('friend');
    });

    it('rule 8.5: a list from outside leaves blocks and requests of others alone', async () => {
      const [alice, bob, carol, dave] = people('alice', 'bob', 'carol', 'dave');
      await graph.relate(alice, bob, 'block');
      await graph.relate(carol, alice, 'block');
      await graph.relate(dave, alice, 'add');
      expect(await graph.sync(alice, [bob, carol])).toEqual({ added: 0, removed: 0 });
      expect(await graph.relations(alice, [bob, carol, dave])).toEqual(['blocked', 'none', 'incoming']);
      expect(await relation(graph, carol, alice)).toBe('blocked');
    });

    it('rule 8.5: makes many pairs friends, counting each new one once', async () => {
      const [alice, bob, carol, dave] = people('alice', 'bob', 'carol', 'dave');
      await graph.relate(alice, bob, 'add');
      await graph.relate(dave, alice, 'block');
      const pairs = [
        [alice, bob],
        [bob, alice],
        [bob, carol],
        [alice, dave],
        [bob, carol],
      ] as const;
      expect(await graph.befriend(pairs)).toBe(2);
      expect(await graph.befriend(pairs)).toBe(0);
      expect(await graph.befriend([])).toBe(0);
      expect(await graph.relations(bob, [alice, carol])).toEqual(['friend', 'friend']);
      expect(await graph.relations(alice, [dave])).toEqual(['none']);
    });

    it('rule 8.9: carries lists of thousands, in code unit order', async () => {
      const [alice] = people('alice');
      const friends = crowd(alice, 5000);
      expect(await graph.sync(alice, friends.toReversed())).toEqual({ added: 5000, removed: 0 });
      const { entries, version } = await there.list(alice);
      expect(entries.map(({ id }) => id)).toEqual(friends);
      expect(Math.max(...entries.map((entry) => entry.version))).toBe(version);
      expect(await there.sync(alice, friends.slice(10))).toEqual({ added: 0, removed: 10 });
      expect(await relation(graph, `${alice}-04999`, alice)).toBe('friend');
    });

    it('rule 8.11: refuses to overfill a list, names it, and writes nothing then', async () => {
      const [alice, bob, carol] = people('alice', 'bob', 'carol');
      await expect(graph.sync(alice, crowd(alice, MAX_FRIENDS + 1))).rejects.toMatchObject({
        code: 'LIMIT_EXCEEDED',
        message: expect.stringContaining(JSON.stringify(alice)),
      });
      expect(await graph.list(alice)).toEqual({ version: 0, floor: 0, entries: [] });
      await graph.sync(bob, crowd(bob, MAX_FRIENDS));
      const full = { code: 'LIMIT_EXCEEDED', message: expect.stringContaining(JSON.stringify(bob)) };
      await expect(
        graph.befriend([
          [alice, carol],
          [carol, bob],
        ]),
      ).rejects.toMatchObject(full);
      await expect(graph.sync(alice, [...crowd(alice, 1200), bob])).rejects.toMatchObject(full);
      await expect(graph.relate(bob, carol, 'block')).rejects.toMatchObject(full);
      expect(await lines(graph, alice)).toEqual([]);
      expect(await lines(graph, carol)).toEqual([]);
      expect(await graph.sync(bob, [...crowd(bob, MAX_FRIENDS - 1), carol])).toEqual({ added: 1, removed: 1 });
    });

    it('rule 8.11: who has gone takes no room, and who came back takes it once', async () => {
      const [alice, bob, carol] = people('alice', 'bob', 'carol');
      await graph.sync(alice, crowd(alice, 2 * MIN_TOMBSTONES + 1));
      await graph.sync(alice, []);
      for (const change of ['add', 'remove', 'add', 'remove', 'befriend'] as const)
        await graph.relate(alice, bob, change);
      expect(await graph.sync(alice, [bob, ...crowd(alice, MAX_FRIENDS - 1)])).toEqual({
        added: MAX_FRIENDS - 1,
        removed: 0,
      });
      await expect(graph.relate(carol, alice, 'add')).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
      await graph.relate(bob, alice, 'remove');
      expect(await graph.relate(carol, alice, 'add')).toEqual({ mine: 'requested', theirs: 'incoming' });
    });
  });

  describe(`versions, ${engine}`, () => {
    it('rule 6.1: each change moves both lists on and marks the lines that it changed', async () => {
      const [alice, bob, carol] = people('alice', 'bob', 'carol');
      let last = 0;
      for (const change of ['add', 'remove', 'block', 'unblock', 'befriend'] as const) {
        await graph.relate(alice, carol, change);
        await graph.relate(alice, bob, change);
        const { version, entries } = await graph.list(alice);
        expect(version).toBeGreaterThan(last);
        expect(entries.filter((entry) => entry.version === version).map(({ id }) => id)).toEqual([bob]);
        last = version;
      }
      await graph.relate(alice, bob, 'add');
      expect((await graph.list(alice)).version).toBe(last);
    });

    it('rule 6.4: one who went stays on the list as a tombstone until there are too many, then the floor says so', async () => {
      const [alice, bob] = people('alice', 'bob');
      const friends = crowd(alice, 2 * MIN_TOMBSTONES);
      await graph.befriend([[alice, bob]]);
      await graph.relate(alice, bob, 'remove');
      const gone = (await graph.list(alice)).version;
      await graph.sync(alice, friends);
      expect((await graph.list(alice)).floor).toBe(0);
      await graph.sync(alice, []);
      const { floor, entries, version } = await graph.list(alice);
      expect(floor).toBeGreaterThanOrEqual(gone);
      expect(floor).toBeLessThanOrEqual(version);
      expect(entries.length).toBeGreaterThanOrEqual(MIN_TOMBSTONES);
      expect(entries.length).toBeLessThanOrEqual(2 * MIN_TOMBSTONES);
      expect(entries.every((entry) => entry.relation === 'none' && entry.version >= floor)).toBe(true);
      expect(entries.map(({ id }) => id)).not.toContain(bob);
      await graph.relate(alice, bob, 'add');
      expect((await graph.list(alice)).floor).toBe(floor);
    });
  });
}
