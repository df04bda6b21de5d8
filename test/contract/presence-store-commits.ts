import { describe, expect, test } from 'vitest';
import { EMPTY_RECORD, type PresenceRecord, stamp } from '../../src/presence/record.ts';
import { NEVER, toMillis, UNCOMMITTED } from '../../src/presence/time.ts';
import {
  boundTo,
  changed,
  commit,
  freshStore,
  HOSTILE_IDS,
  loadOne,
  neighbours,
  newAudience,
  type StartStore,
} from './presence-store-setting.ts';

export function commitContract(start: StartStore): void {
  const shared = freshStore(start);

  describe('records', () => {
    test('load keeps the order asked for, gives one record an id, and empty ones for who was never stored', async () => {
      const { here, there } = shared();
      const a = await commit(here, 'a');
      const b = await commit(here, 'b');
      expect(await there.load(['b', 'nobody', 'a', 'b'])).toEqual([b, EMPTY_RECORD, a, b]);
      expect(await there.load([])).toEqual([]);
    });

    test('rule 3.1: a commit on a revision that is gone writes nothing and gives what stands', async () => {
      const { here, there } = shared();
      const first = await commit(here, 'a');
      const late = { userId: 'a', previous: EMPTY_RECORD, record: changed(EMPTY_RECORD), wakeAt: 1, visible: true };
      expect(await there.commit(late)).toEqual({ committed: false, record: first });
      expect(await loadOne(here, 'a')).toEqual(first);
      expect(await here.due(10, 10)).toEqual([]);
    });

    test('rule 3.1: a commit on a record that is not there gives the empty one', async () => {
      const { here } = shared();
      const previous = stamp(changed(EMPTY_RECORD), 17);
      const result = await here.commit({
        userId: 'a',
        previous,
        record: changed(previous),
        wakeAt: null,
        visible: true,
      });
      expect(result).toEqual({ committed: false, record: EMPTY_RECORD });
    });

    test('rule 3.2: of racing commits exactly one succeeds, and the others are given its outcome', async () => {
      const { here, there } = shared();
      let previous = EMPTY_RECORD;
      for (let round = 0; round < 5; round++) {
        const results = await Promise.all(
          Array.from({ length: 20 }, (_, index) => {
            const record = changed(previous, { lastActiveAt: index });
            return (index % 2 ? here : there).commit({ userId: 'a', previous, record, wakeAt: null, visible: true });
          }),
        );
        const won = results.filter(({ committed }) => committed);
        expect(won).toHaveLength(1);
        for (const { record } of results) expect(record).toEqual(won[0]?.record);
        previous = won[0]?.record ?? EMPTY_RECORD;
      }
    });

    test('rule 3.6: revisions grow with every commit in a partition, published or not', async () => {
      const { here, there } = shared();
      const users = neighbours(here, 4);
      const revisions: number[] = [];
      for (let round = 0; round < 50; round++) {
        const user = users[round % users.length] ?? 'a';
        revisions.push((await commit(round % 3 ? here : there, user, { visible: round % 2 === 0 })).rev);
      }
      const atOnce = await Promise.all(neighbours(here, 100).map((user) => commit(here, user)));
      revisions.push(...atOnce.map(({ rev }) => rev).sort((a, b) => a - b));
      expect(revisions).toEqual([...new Set(revisions)].sort((a, b) => a - b));
    });

    test('rule 11.1: revisions are microseconds of the clock of the store', async () => {
      const { here } = shared();
      const before = here.clock.now();
      const { rev } = await commit(here, 'a');
      expect(Number.isSafeInteger(rev)).toBe(true);
      // The clock is an estimate of one that runs elsewhere.
      expect(toMillis(rev)).toBeGreaterThanOrEqual(before - 1_000);
      expect(toMillis(rev)).toBeLessThanOrEqual(here.clock.now() + 1_000);
    });

    test('rule 4.1: a commit gives its revision to the views that it made and to no others', async () => {
      const { here, there } = shared();
      const first = await commit(here, 'a', { over: { apart: { x: newAudience(), y: newAudience() } } });
      expect(first.apart['x']?.view.rev).toBe(first.rev);
      const x = newAudience({ status: 'AWAY' });
      const apart = { ...first.apart, x };
      const record: PresenceRecord = { ...first, apart, rev: UNCOMMITTED };
      const result = await here.commit({ userId: 'a', previous: first, record, wakeAt: null, visible: true });
      const second = result.record;
      expect(result.committed).toBe(true);
      expect(second.rev).toBeGreaterThan(first.rev);
      expect(second.apart['x']?.view.rev).toBe(second.rev);
      expect(second.apart['y']?.view.rev).toBe(first.rev);
      expect(second.everyone.view.rev).toBe(first.rev);
      expect(await loadOne(there, 'a')).toEqual(second);
    });

    test('rule 5.6: a commit gives its revision to the choices that it made and to no others', async () => {
      const { here, there } = shared();
      const now = { rev: UNCOMMITTED };
      const first = await commit(here, 'a', { over: { chosen: { visibility: now, overrides: now } } });
      expect(first.chosen).toEqual({ visibility: { rev: first.rev }, overrides: { rev: first.rev } });
      const record: PresenceRecord = { ...first, chosen: { ...first.chosen, overrides: now, customStatus: now } };
      const { record: second } = await here.commit({
        userId: 'a',
        previous: first,
        record,
        wakeAt: null,
        visible: false,
      });
      const rev = { rev: second.rev };
      expect(second.chosen).toEqual({ visibility: { rev: first.rev }, overrides: rev, customStatus: rev });
      expect(await loadOne(there, 'a')).toEqual(second);
    });

    test('what is loaded elsewhere is what commit gave, whatever the ids and texts in it', async () => {
      const { here, there } = shared();
      for (const hostile of HOSTILE_IDS) {
        const status = { text: `,"rev":-1, ${hostile}`, emoji: hostile, expiresAt: 1.5 };
        const committed = await commit(here, hostile, {
          over: {
            ...boundTo(hostile),
            overrides: [{ source: hostile, status: 'AWAY', priority: -1, expiresAt: null }],
            customStatus: status,
            apart: Object.fromEntries(HOSTILE_IDS.map((id) => [id, newAudience({ customStatus: status })])),
          },
        });
        expect(await loadOne(there, hostile)).toEqual(committed);
        expect(Object.keys(committed.apart)).toHaveLength(HOSTILE_IDS.length);
        expect(committed.customStatus).toEqual(status);
        expect(JSON.stringify(committed.everyone)).not.toContain('-1');
      }
      const records = await there.load(HOSTILE_IDS);
      expect(new Set(records.map(({ rev }) => rev)).size).toBe(HOSTILE_IDS.length);
      expect(records.every(({ rev }) => rev > NEVER)).toBe(true);
    });

    test('a record of which the revision is not the first field is stored all the same', async () => {
      const { here, there } = shared();
      const { rev: _, ...rest } = changed(EMPTY_RECORD);
      const record: PresenceRecord = { ...rest, everyone: newAudience(), rev: NEVER };
      const result = await here.commit({ userId: 'a', previous: EMPTY_RECORD, record, wakeAt: null, visible: false });
      expect(result.committed).toBe(true);
      expect(await loadOne(there, 'a')).toEqual(result.record);
      expect(result.record.everyone.view.rev).toBe(result.record.rev);
    });
  });

  describe('deadlines', () => {
    test('the earliest come first, each from its very millisecond on, as many as asked for', async () => {
      const { here, there } = shared();
      const users = Array.from({ length: 120 }, (_, index) => `user-${index}`);
      const order = users.toSorted((a, b) => a.localeCompare(b));
      await Promise.all(users.map((user) => commit(here, user, { wakeAt: 1_000 + order.indexOf(user) })));
      expect(await there.due(999, 10)).toEqual([]);
      expect(await there.due(1_000, 10)).toEqual(order.slice(0, 1));
      expect(await there.due(5_000, 50)).toEqual(order.slice(0, 50));
      expect(await there.due(1_059, 500)).toEqual(order.slice(0, 60));
      expect(await there.due(5_000, 500)).toEqual(order);
      expect(await there.due(5_000, 0)).toEqual([]);
    });

    test('one partition with much that is due hides no other', async () => {
      const { here } = shared();
      const many = neighbours(here, 60);
      await Promise.all(many.map((user, index) => commit(here, user, { wakeAt: 100 + index })));
      const others = ['x', 'y', 'z'];
      for (const [index, user] of others.entries()) await commit(here, user, { wakeAt: 120.5 + index });
      const due = await here.due(1_000, 30);
      const expected = [...many.slice(0, 21), 'x', many[21], 'y', many[22], 'z', ...many.slice(23, 27)];
      expect(due).toEqual(expected);
    });

    test('many partitions with little that is due hide none with much', async () => {
      const { here } = shared();
      const early = neighbours(here, 60);
      const late = Array.from({ length: 60 }, (_, index) => `late-${index}`);
      await Promise.all(early.map((user, index) => commit(here, user, { wakeAt: 100 + index })));
      await Promise.all(late.map((user, index) => commit(here, user, { wakeAt: 1_000 + index })));
      expect(await here.due(2_000, 30)).toEqual(early.slice(0, 30));
      expect(await here.due(2_000, 70)).toEqual([...early, ...late.slice(0, 10)]);
    });

    test('stay until a commit moves or removes them, whether it publishes or not', async () => {
      const { here, there } = shared();
      await commit(here, 'a', { wakeAt: 1_000 });
      await commit(here, 'b', { wakeAt: 2_000, visible: false });
      expect(await here.due(2_000, 10)).toEqual(['a', 'b']);
      expect(await there.due(2_000, 10)).toEqual(['a', 'b']);
      await commit(there, 'a', { wakeAt: 3_000, visible: false });
      expect(await here.due(2_000, 10)).toEqual(['b']);
      await commit(there, 'b', { wakeAt: null });
      expect(await here.due(2_000, 10)).toEqual([]);
      expect(await here.due(3_000, 10)).toEqual(['a']);
      await commit(here, 'a', { wakeAt: 500 });
      expect(await there.due(600, 10)).toEqual(['a']);
      await commit(here, 'c', { wakeAt: 400 });
      expect(await there.due(600, 10)).toEqual(['c', 'a']);
    });

    test('name users by whatever ids they have', async () => {
      const { here, there } = shared();
      for (const [index, hostile] of HOSTILE_IDS.entries()) await commit(here, hostile, { wakeAt: index + 1 });
      expect(await there.due(1_000, 100)).toEqual(HOSTILE_IDS);
    });
  });
}
