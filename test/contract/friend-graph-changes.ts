import { beforeAll, describe, expect, it } from 'vitest';
import { type FriendGraph, MAX_FRIENDS } from '../../src/friends/port.ts';
import type { Relate, Relation } from '../../src/friends/relation.ts';
import { crowd, people, relation, type SharedGraph } from './friend-graph-setting.ts';
import { Told } from './told.ts';

/** Who is told of changes, and what comes of many at once. */
export function friendGraphChanges(engine: string, shared: () => SharedGraph): void {
  let graph: FriendGraph;
  let there: FriendGraph;
  beforeAll(() => {
    graph = shared().here;
    there = shared().there;
  });

  describe(`listening, ${engine}`, () => {
    it('rule 8.7: whoever follows a list, on any node, is told of changes on either side of it', async () => {
      const [alice, bob] = people('alice', 'bob');
      const told = new Told();
      const unlisten = [await graph.listen(alice, told.note), await there.listen(bob, told.note)];
      const changes: [string, string, Relate][] = [
        [alice, bob, 'add'],
        [bob, alice, 'add'],
        [bob, alice, 'remove'],
      ];
      for (const [userId, other, change] of changes) {
        const both = told.times(2);
        await graph.relate(userId, other, change);
        await both;
      }
      for (const stop of unlisten) await stop();
    });

    it('rule 8.4: one who is blocked without having been on the list is told nothing', async () => {
      const [alice, bob, carol] = people('alice', 'bob', 'carol');
      const [blocker, blocked, later] = [new Told(), new Told(), new Told()];
      await graph.listen(alice, blocker.note);
      await graph.listen(bob, blocked.note);
      await graph.listen(carol, later.note);
      const all = [blocker.times(1), later.times(1)];
      await there.relate(alice, bob, 'block');
      await there.relate(bob, carol, 'unblock');
      await there.relate(carol, `${carol}-x`, 'add');
      await Promise.all(all);
      expect([blocker.count, blocked.count, later.count]).toEqual([1, 0, 1]);
    });

    it('tells nobody else, and nobody who has stopped', async () => {
      const [alice, bob, carol, dave] = people('alice', 'bob', 'carol', 'dave');
      const [stopped, other, last] = [new Told(), new Told(), new Told()];
      const stop = await graph.listen(alice, stopped.note);
      const stopTwin = await graph.listen(alice, stopped.note);
      await graph.listen(carol, other.note);
      await graph.listen(dave, last.note);
      await stop();
      await stop();
      const once = stopped.times(1);
      await there.relate(alice, bob, 'add');
      await once;
      await stopTwin();
      const end = last.times(1);
      await there.relate(alice, bob, 'remove');
      await there.relate(dave, bob, 'add');
      await end;
      expect([stopped.count, other.count, last.count]).toEqual([1, 0, 1]);
    });
  });

  describe(`races, ${engine}`, () => {
    it('rule 8.6: two people who add each other at the same moment are friends', async () => {
      for (let round = 0; round < 20; round++) {
        const [alice, bob] = people('alice', 'bob');
        const added = await Promise.all([graph.relate(alice, bob, 'add'), there.relate(bob, alice, 'add')]);
        // One of them came second, and is told so.
        expect(added.map(({ mine }) => mine).sort()).toEqual(['friend', 'requested']);
        expect([await relation(graph, alice, bob), await relation(graph, bob, alice)]).toEqual(['friend', 'friend']);
      }
    });

    it('rule 8.6: both sides of a pair agree after fifty changes at once', async () => {
      const consistent: Record<Relation, Relation[]> = {
        none: ['none', 'blocked'],
        requested: ['incoming', 'blocked'],
        incoming: ['requested'],
        friend: ['friend'],
        blocked: ['none', 'requested', 'blocked'],
      };
      const changes = ['add', 'block', 'befriend', 'unblock', 'remove', 'add', 'unblock'] as const;
      for (let round = 0; round < 5; round++) {
        const [alice, bob] = people('alice', 'bob');
        const outcomes = await Promise.allSettled(
          Array.from({ length: 50 }, (_, n) => {
            const [userId, other] = (n * (round + 3)) % 4 < 2 ? [alice, bob] : [bob, alice];
            const change = changes[(n * n + round) % changes.length] ?? 'add';
            return (n % 2 ? graph : there).relate(userId, other, change);
          }),
        );
        for (const outcome of outcomes) {
          if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'BAD_USER_INPUT' });
          else expect(consistent[outcome.value.mine]).toContain(outcome.value.theirs);
        }
        const mine = (await relation(graph, alice, bob)) ?? 'none';
        expect(consistent[mine]).toContain(await relation(graph, bob, alice));
      }
    });

    it('rule 8.11: never overfills a list, however many ask at once', async () => {
      const [alice] = people('alice');
      await graph.sync(alice, crowd(alice, MAX_FRIENDS - 5));
      const askers = people(...Array.from({ length: 20 }, (_, n) => `asker${n}`));
      const outcomes = await Promise.allSettled(askers.map((asker) => there.relate(asker, alice, 'add')));
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(5);
      expect((await graph.list(alice)).entries).toHaveLength(MAX_FRIENDS);
    });
  });
}
