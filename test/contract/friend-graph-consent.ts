import { beforeAll, describe, expect, it } from 'vitest';
import { type FriendGraph, MAX_FRIENDS } from '../../src/friends/port.ts';
import type { Pair } from '../../src/friends/relation.ts';
import { crowd, lines, people, type SharedGraph } from './friend-graph-setting.ts';

/** Who is related to whom after what. */
export function friendGraphConsent(engine: string, shared: () => SharedGraph): void {
  let graph: FriendGraph;
  let there: FriendGraph;
  beforeAll(() => {
    graph = shared().here;
    there = shared().there;
  });

  describe(`consent, ${engine}`, () => {
    it('rule 8.2: two people who have added each other are friends', async () => {
      const [alice, bob] = people('alice', 'bob');
      expect(await graph.relate(alice, bob, 'add')).toEqual({ mine: 'requested', theirs: 'incoming' });
      expect(await there.relate(bob, alice, 'add')).toEqual({ mine: 'friend', theirs: 'friend' });
      expect(await lines(graph, alice)).toEqual([[bob, 'friend']]);
      expect(await lines(graph, bob)).toEqual([[alice, 'friend']]);
    });

    it('rule 8.2: one who was only added waits on one list and asks on the other', async () => {
      const [alice, bob, carol] = people('alice', 'bob', 'carol');
      await graph.relate(alice, bob, 'add');
      expect(await graph.relate(alice, bob, 'add')).toEqual({ mine: 'requested', theirs: 'incoming' });
      expect(await there.relations(bob, [carol, alice, bob])).toEqual(['none', 'incoming', 'none']);
      expect(await there.relations(alice, [])).toEqual([]);
    });

    it('rule 8.2: a request can be cancelled, declined and made again', async () => {
      const [alice, bob] = people('alice', 'bob');
      const declined: Pair = { mine: 'none', theirs: 'none' };
      await graph.relate(alice, bob, 'add');
      expect(await graph.relate(alice, bob, 'remove')).toEqual(declined);
      await graph.relate(alice, bob, 'add');
      expect(await graph.relate(bob, alice, 'remove')).toEqual(declined);
      expect(await graph.relate(alice, bob, 'add')).toEqual({ mine: 'requested', theirs: 'incoming' });
    });

    it.each([0, 1])('rule 8.2: either friend ends a friendship for both (%i)', async (who) => {
      const [alice, bob] = people('alice', 'bob');
      await graph.befriend([[alice, bob]]);
      const [leaver, left] = who === 0 ? [alice, bob] : [bob, alice];
      expect(await there.relate(leaver, left, 'remove')).toEqual({ mine: 'none', theirs: 'none' });
      expect(await lines(graph, alice)).toEqual([[bob, 'none']]);
      expect(await lines(graph, bob)).toEqual([[alice, 'none']]);
    });

    it('refuses what is no pair of two people and leaves no trace of it', async () => {
      const [alice] = people('alice');
      for (const other of [alice, '', '\ud800']) {
        await expect(graph.relate(alice, other, 'add')).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
        await expect(graph.sync(alice, ['x', other])).rejects.toMatchObject({ argument: 'friendIds' });
        await expect(graph.befriend([[alice, other]])).rejects.toMatchObject({ argument: 'pairs' });
      }
      expect(await graph.list(alice)).toEqual({ version: 0, floor: 0, entries: [] });
    });
  });

  describe(`blocks, ${engine}`, () => {
    it('rule 8.3: a block removes both directions, stands until it is taken back, and may be mutual', async () => {
      const [alice, bob] = people('alice', 'bob');
      await graph.befriend([[alice, bob]]);
      expect(await graph.relate(alice, bob, 'block')).toEqual({ mine: 'blocked', theirs: 'none' });
      await expect(graph.relate(alice, bob, 'add')).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
      expect(await graph.relate(bob, alice, 'block')).toEqual({ mine: 'blocked', theirs: 'blocked' });
      expect(await graph.relate(alice, bob, 'unblock')).toEqual({ mine: 'none', theirs: 'blocked' });
      expect(await graph.relate(alice, bob, 'unblock')).toEqual({ mine: 'none', theirs: 'blocked' });
    });

    it('rule 8.4: the one who is blocked sees what one sees who was removed, whatever they try', async () => {
      const seen: unknown[] = [];
      for (const parting of ['remove', 'block'] as const) {
        const [alice, bob] = people('alice', 'bob');
        const story: unknown[] = [];
        let last = 0;
        const look = async (): Promise<void> => {
          const { version, entries } = await graph.list(bob);
          const news = entries.filter((entry) => entry.version > last).map((entry) => entry.relation);
          story.push({ changed: version > last, news, all: entries.map((entry) => entry.relation) });
          last = version;
        };
        await graph.befriend([[alice, bob]]);
        await look();
        await graph.relate(alice, bob, parting);
        await look();
        for (const change of ['remove', 'add', 'add', 'remove', 'unblock', 'add'] as const) {
          story.push((await graph.relate(bob, alice, change)).mine);
          await look();
        }
        seen.push(story);
      }
      expect(seen[1]).toEqual(seen[0]);
    });

    it('rule 8.4: the one who blocked learns of a request only after taking the block back', async () => {
      const [alice, bob] = people('alice', 'bob');
      await graph.relate(alice, bob, 'block');
      const before = await graph.list(alice);
      await graph.relate(bob, alice, 'add');
      expect(await graph.list(alice)).toEqual(before);
      expect(await graph.relate(alice, bob, 'unblock')).toEqual({ mine: 'incoming', theirs: 'requested' });
      expect(await graph.relate(alice, bob, 'add')).toEqual({ mine: 'friend', theirs: 'friend' });
    });

    it('rule 8.11: a full list refuses the one who is blocked and everybody else alike', async () => {
      const [alice, bob, carol] = people('alice', 'bob', 'carol');
      await graph.relate(alice, bob, 'block');
      await graph.sync(alice, crowd(alice, MAX_FRIENDS - 1));
      const refusals = await Promise.allSettled([bob, carol].map((asker) => graph.relate(asker, alice, 'add')));
      for (const refusal of refusals) {
        expect(refusal).toMatchObject({ status: 'rejected', reason: { code: 'LIMIT_EXCEEDED' } });
      }
      expect(await lines(graph, bob)).toEqual([]);
      await graph.relate(alice, `${alice}-00000`, 'remove');
      expect(await graph.relate(bob, alice, 'add')).toEqual({ mine: 'requested', theirs: 'blocked' });
      expect(await graph.relate(carol, alice, 'add')).toEqual({ mine: 'requested', theirs: 'incoming' });
    });
  });
}
