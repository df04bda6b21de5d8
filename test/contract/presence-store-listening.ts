import { describe, expect, test } from 'vitest';
import { EMPTY_RECORD, type PresenceRecord } from '../../src/presence/record.ts';
import type { Unlisten } from '../../src/store/port.ts';
import {
  changed,
  commit,
  freshStore,
  Heard,
  HOSTILE_IDS,
  loadOne,
  neighbours,
  type StartStore,
} from './presence-store-setting.ts';

export function listeningContract(start: StartStore): void {
  const shared = freshStore(start);

  describe('listening', () => {
    test('rule 5.3: nothing is missed that is committed once listen has resolved, and all comes in order', async () => {
      const { here, there } = shared();
      const users = neighbours(here, 5);
      for (const user of users) await commit(there, user);
      const heard = new Heard();
      await here.listen(0, heard);
      const committed: [string, PresenceRecord][] = [];
      for (let round = 0; round < 100; round++) {
        const user = users[round % users.length] ?? '';
        committed.push([user, await commit(round % 2 ? here : there, user)]);
      }
      await heard.until('all 100', ({ users: told }) => told.length >= committed.length);
      expect(heard.events).toEqual(committed.map(([userId, record]) => ({ type: 'changed', userId, record })));
    });

    test('rule 5.3: commits that race for one partition all arrive, in the order of their revisions', async () => {
      const { here, there } = shared();
      const users = neighbours(here, 40);
      const heard = new Heard();
      await here.listen(0, heard);
      const committed = await Promise.all(users.map((user, index) => commit(index % 2 ? here : there, user)));
      await heard.until('all of them', ({ users: told }) => told.length >= users.length);
      const told = heard.events.flatMap((event) => (event.type === 'changed' ? [event.record] : []));
      expect(told).toEqual(committed.toSorted((a, b) => a.rev - b.rev));
    });

    test('rule 3.3: what is not visible is told to nobody', async () => {
      const { here, there } = shared();
      const [user = ''] = neighbours(here, 1);
      const heard = new Heard();
      await here.listen(0, heard);
      await commit(there, user, { visible: false });
      await commit(there, user, { visible: true });
      await commit(there, user, { visible: false });
      const last = await commit(there, user, { visible: true });
      await heard.until('the last one', ({ events }) => events.length >= 2);
      await here.caughtUp();
      expect(heard.users).toEqual([user, user]);
      expect(heard.events.at(-1)).toEqual({ type: 'changed', userId: user, record: last });
      expect(await loadOne(here, user)).toEqual(last);
    });

    test('several listeners hear the same; who has left hears nothing more', async () => {
      const { here, there } = shared();
      const [user = ''] = neighbours(here, 1);
      const [first, second] = [new Heard(), new Heard()];
      const [unlistenFirst] = await Promise.all([here.listen(0, first), here.listen(0, second)]);
      const again = await here.listen(0, first);
      await commit(there, user);
      await second.until('one change', ({ users }) => users.length === 1);
      // Listening twice is two listeners.
      await first.until('it twice', ({ users }) => users.length === 2);
      await unlistenFirst();
      await unlistenFirst();
      await commit(there, user);
      await second.until('two changes', ({ users }) => users.length === 2);
      await again();
      await commit(there, user);
      await second.until('three changes', ({ users }) => users.length === 3);
      await here.caughtUp();
      expect(first.users).toHaveLength(3);
    });

    test('leaving and listening again, as often and as fast as one likes, loses nothing', async () => {
      const { here, there } = shared();
      const [user = ''] = neighbours(here, 1);
      for (let round = 0; round < 20; round++) {
        const heard = new Heard();
        const leaving: Promise<Unlisten>[] = [here.listen(0, new Heard()), here.listen(0, new Heard())];
        const [one, other] = await Promise.all(leaving);
        const left = Promise.all([one?.(), other?.()]);
        await here.listen(0, heard).then(async (unlisten) => {
          const record = await commit(there, user);
          await heard.until('the change', ({ users }) => users.length === 1);
          expect(heard.events).toEqual([{ type: 'changed', userId: user, record }]);
          await unlisten();
        });
        await left;
      }
    });

    test('a listener that throws harms neither the commit nor the others', async () => {
      const { here, there } = shared();
      const [user = ''] = neighbours(here, 1);
      const heard = new Heard();
      await here.listen(0, {
        changed: () => {
          throw new Error('a listener that throws');
        },
        missed: () => {},
        lost: () => {},
        restored: () => {},
      });
      await here.listen(0, heard);
      await commit(here, user);
      await commit(there, user);
      await heard.until('both', ({ users }) => users.length === 2);
    });

    test('a listener may leave, listen and commit while it is being told', async () => {
      const { here } = shared();
      const [user = '', other = ''] = neighbours(here, 2);
      const [heard, late] = [new Heard(), new Heard()];
      const done: Promise<unknown>[] = [];
      const unlisten = await here.listen(0, {
        changed: () => {
          const record = changed(EMPTY_RECORD);
          const more = { userId: other, previous: EMPTY_RECORD, record, wakeAt: null, visible: true };
          done.push(unlisten(), here.listen(0, late), here.commit(more));
        },
        missed: () => {},
        lost: () => {},
        restored: () => {},
      });
      await here.listen(0, heard);
      await commit(here, user);
      await heard.until('what the first listener committed', ({ users }) => users.length === 2);
      await Promise.all(done);
      expect(heard.users).toEqual([user, other]);
      await commit(here, user);
      await late.until('the last change', ({ users }) => users.at(-1) === user);
    });

    test('users are told by whatever ids they have', async () => {
      const { here, there } = shared();
      const heard = new Heard();
      for (let partition = 0; partition < here.partitions; partition++) await here.listen(partition, heard);
      for (const hostile of HOSTILE_IDS) await commit(there, hostile);
      await heard.until('all of them', ({ users }) => users.length === HOSTILE_IDS.length);
      expect(new Set(heard.users)).toEqual(new Set(HOSTILE_IDS));
    });

    test('rejects for a partition that does not exist', async () => {
      const { here } = shared();
      await expect(here.listen(here.partitions, new Heard())).rejects.toThrow(RangeError);
      await expect(here.listen(-1, new Heard())).rejects.toThrow(RangeError);
    });
  });

  describe('caughtUp', () => {
    test('rule 4.4: when it resolves, all that was committed before has been told, and later commits are newer', async () => {
      const { here, there } = shared();
      const users = neighbours(here, 10);
      const heard = new Heard();
      await here.listen(0, heard);
      for (let round = 0; round < 30; round++) {
        const user = users[round % users.length] ?? '';
        await commit(there, user);
        const told = here.caughtUp();
        const revision = await told;
        expect(heard.users).toHaveLength(round + 1);
        const next = await commit(there, 'somebody else', { visible: false });
        expect(next.rev).toBeGreaterThan(revision);
      }
    });

    test('is shared by all who ask at once, and comes while others commit', async () => {
      const { here, there } = shared();
      const users = neighbours(here, 20);
      const heard = new Heard();
      await here.listen(0, heard);
      const commits = Promise.all(users.map((user) => commit(there, user)));
      const early = await Promise.all(Array.from({ length: 50 }, () => here.caughtUp()));
      const committed = await commits;
      const late = await here.caughtUp();
      expect(heard.users).toHaveLength(users.length);
      for (const revision of early) {
        const told = heard.events.flatMap((event) => (event.type === 'changed' ? [event.record.rev] : []));
        const before = committed.filter(({ rev }) => rev <= revision);
        expect(told).toEqual(expect.arrayContaining(before.map(({ rev }) => rev)));
        expect(revision).toBeLessThanOrEqual(late);
      }
    });

    test('works where nobody listens', async () => {
      const { here, there } = shared();
      const first = await here.caughtUp();
      expect((await commit(there, 'a')).rev).toBeGreaterThan(first);
    });
  });
}
