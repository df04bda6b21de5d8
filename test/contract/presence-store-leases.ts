import { describe, expect, test } from 'vitest';
import { RollcallError } from '../../src/errors.ts';
import { EMPTY_RECORD } from '../../src/presence/record.ts';
import type { PresenceStore } from '../../src/store/port.ts';
import {
  boundTo,
  changed,
  commit,
  eventually,
  freshStore,
  Heard,
  HOSTILE_IDS,
  loadOne,
  neighbours,
  type StartStore,
} from './presence-store-setting.ts';

const LONG = { ms: 60_000, settings: 'long' };
const SHORT = { ms: 30, settings: 'short' };
/** A node's clock is an estimate of the store's: as good as a round trip, which a busy machine may make a long one. */
const CLOCK_ERROR_MS = 500;

export function leaseContract(start: StartStore): void {
  const shared = freshStore(start);

  describe('leases of nodes', () => {
    test('rule 2.9: a new incarnation takes its lease; one that is unknown must not renew', async () => {
      const { here, there } = shared();
      expect(await here.leases.renew('n1', LONG, false)).toBe(false);
      expect(await here.leases.renew('n1', LONG, true)).toBe(true);
      expect(await here.leases.renew('n1', LONG, false)).toBe(true);
      expect(await there.leases.renew('n1', LONG, false)).toBe(true);
      expect(await there.leases.lost()).toEqual([]);
    });

    test('rule 2.6: a node that does not renew is lost, with the time of its last renewal', async () => {
      const { here, there } = shared();
      const before = here.clock.now();
      await here.leases.renew('n1', SHORT, true);
      const after = here.clock.now();
      const [first] = await lostSoon(there, 1);
      expect(first?.node).toBe('n1');
      expect(first?.renewedAt).toBeGreaterThan(before - CLOCK_ERROR_MS);
      expect(first?.renewedAt).toBeLessThan(after + CLOCK_ERROR_MS);
      expect(await here.leases.lost()).toEqual([first]);
    });

    test('rule 2.9: who was found lost stays lost, even where the lease would still last', async () => {
      const { here, there } = shared();
      await here.leases.renew('n1', SHORT, true);
      const lost = await lostSoon(there, 1);
      expect(await here.leases.renew('n1', LONG, false)).toBe(false);
      expect(await here.leases.renew('n1', LONG, true)).toBe(false);
      expect(await here.leases.lost()).toEqual(lost);
      expect(await here.leases.renew('n2', LONG, true)).toBe(true);
    });

    test('rule 2.9: a lease that has run out is not renewed, whether or not somebody has noticed', async () => {
      const { here } = shared();
      await here.leases.renew('n1', SHORT, true);
      const runOut = here.clock.now() + SHORT.ms;
      await eventually(
        async () => here.clock.now(),
        (now) => now > runOut + CLOCK_ERROR_MS,
      );
      expect(await here.leases.renew('n1', LONG, false)).toBe(false);
    });

    test('renewing keeps a node from being lost', async () => {
      const { here, there } = shared();
      // A machine too busy to renew in time proves nothing: then with a longer lease.
      for (let [ms, inTime] = [500, false]; !inTime; ms *= 2) {
        const [quiet, busy, terms] = [`quiet ${ms}`, `busy ${ms}`, { ...SHORT, ms }];
        await here.leases.renew(quiet, terms, true);
        let renewedAt = performance.now();
        await here.leases.renew(busy, terms, true);
        inTime = true;
        const lost = await eventually(
          async () => {
            const before = renewedAt;
            renewedAt = performance.now();
            await here.leases.renew(busy, terms, false);
            const nodes = (await there.leases.lost()).map(({ node }) => node);
            if (performance.now() - before > ms / 2) inTime = false;
            return nodes.filter((node) => node === quiet || node === busy);
          },
          (nodes) => nodes.length > 0,
        );
        if (inTime) expect(lost).toEqual([quiet]);
      }
    });

    test('rule 2.12: each node is judged by the lease that it has told itself', async () => {
      const { here, there } = shared();
      await here.leases.renew('patient', LONG, true);
      await here.leases.renew('hasty', SHORT, true);
      expect((await lostSoon(there, 1)).map(({ node }) => node)).toEqual(['hasty']);
      expect(await here.leases.renew('patient', LONG, false)).toBe(true);
      // Nor does it help to ask for more when it is too late.
      expect(await here.leases.renew('hasty', LONG, false)).toBe(false);
      expect((await there.leases.lost()).map(({ node }) => node)).toEqual(['hasty']);
    });

    test('rule 2.12: nodes can tell by which settings others run', async () => {
      const { here, there } = shared();
      expect(await there.leases.settings()).toEqual([]);
      await here.leases.renew('n1', LONG, true);
      await here.leases.renew('n2', LONG, true);
      expect(await there.leases.settings()).toEqual(['long']);
      await there.leases.renew('n3', { ...LONG, settings: 'others, with spaces' }, true);
      expect((await here.leases.settings()).sort()).toEqual(['long', 'others, with spaces']);
      await there.leases.forget('n3');
      await here.leases.renew('n4', SHORT, true);
      await lostSoon(there, 1);
      expect(await here.leases.settings()).toEqual(['long']);
    });

    test('members are the users with a session bound to the node, from commits that bind to those that unbind', async () => {
      const { here, there } = shared();
      await commit(here, 'a', { over: boundTo('n1') });
      await commit(here, 'b', { over: boundTo('n1', 'n2'), visible: false });
      await commit(there, 'c', { over: boundTo('n2') });
      expect(await members(there, 'n1')).toEqual(['a', 'b']);
      expect(await members(there, 'n2')).toEqual(['b', 'c']);
      await commit(here, 'b', { over: boundTo('n2'), visible: false });
      await commit(here, 'c', { over: boundTo('n2') });
      await commit(there, 'a', { over: { sessions: [] } });
      expect(await members(here, 'n1')).toEqual([]);
      expect(await members(here, 'n2')).toEqual(['b', 'c']);
      expect(await members(here, 'unknown')).toEqual([]);
    });

    test('members come in pages, and the next page when the first has been dealt with', async () => {
      const { here, there } = shared();
      const users = Array.from({ length: 25 }, (_, index) => `user-${index}`);
      await Promise.all(users.map((user) => commit(here, user, { over: boundTo('n1') })));
      const dealtWith = new Set<string>();
      for (;;) {
        const page = await there.leases.members('n1', 10);
        if (page.length === 0) break;
        expect(page.length).toBe(Math.min(10, users.length - dealtWith.size));
        for (const user of page) {
          expect(dealtWith.has(user)).toBe(false);
          dealtWith.add(user);
          await commit(there, user, { over: { sessions: [] } });
        }
      }
      expect([...dealtWith].sort()).toEqual(users.toSorted());
    });

    test('a node that is forgotten is lost no more, and nobody can be bound to it again', async () => {
      const { here, there } = shared();
      await here.leases.renew('n1', SHORT, true);
      const bound = await commit(here, 'a', { over: boundTo('n1') });
      await lostSoon(there, 1);
      await commit(there, 'a', { over: { sessions: [] } });
      await there.leases.forget('n1');
      expect(await here.leases.lost()).toEqual([]);
      expect(await here.leases.renew('n1', LONG, false)).toBe(false);

      const heard = new Heard();
      await here.listen(here.partitionOf('b'), heard);
      const asleep = { userId: 'b', previous: EMPTY_RECORD, wakeAt: 1, visible: true };
      const record = changed(EMPTY_RECORD, boundTo('n1'));
      await expect(here.commit({ ...asleep, record })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      expect(await loadOne(there, 'b')).toEqual(EMPTY_RECORD);
      expect(await members(there, 'n1')).toEqual([]);
      expect(await there.due(1_000, 10)).toEqual([]);
      await here.caughtUp();
      expect(heard.events).toEqual([]);
      expect(bound.sessions).toHaveLength(1);
    });

    test('a node to which somebody is bound is not forgotten', async () => {
      const { here, there } = shared();
      await here.leases.renew('n1', SHORT, true);
      await commit(here, 'a', { over: boundTo('n1') });
      await there.leases.forget('n1');
      expect(await members(there, 'n1')).toEqual(['a']);
      const [other = ''] = neighbours(here, 2, here.partitionOf('a')).filter((user) => user !== 'a');
      await commit(here, other, { over: boundTo('n1') });
      await commit(here, other, { over: { sessions: [] } });
      expect((await lostSoon(there, 1)).map(({ node }) => node)).toEqual(['n1']);
      await there.leases.forget('n1');
      expect(await there.leases.lost()).toHaveLength(1);
    });

    test('a node that leaves in good order is never lost', async () => {
      const { here, there } = shared();
      await here.leases.renew('n1', LONG, true);
      await here.leases.renew('n2', SHORT, true);
      await here.leases.forget('n1');
      expect((await lostSoon(there, 1)).map(({ node }) => node)).toEqual(['n2']);
    });

    test('nodes and users may have whatever names they have', async () => {
      const { here, there } = shared();
      for (const hostile of HOSTILE_IDS) {
        expect(await here.leases.renew(hostile, SHORT, true)).toBe(true);
        await commit(here, hostile, { over: boundTo(hostile) });
      }
      const lost = await lostSoon(there, HOSTILE_IDS.length);
      expect(lost.map(({ node }) => node).sort()).toEqual(HOSTILE_IDS.toSorted());
      for (const hostile of HOSTILE_IDS) {
        expect(await members(there, hostile)).toEqual([hostile]);
        await commit(there, hostile, { over: { sessions: [] } });
        await there.leases.forget(hostile);
      }
      expect(await there.leases.lost()).toEqual([]);
    });
  });

  describe('a closed store', () => {
    test('rule 10.2: takes no more calls; closing twice is closing once', async () => {
      const { here } = shared();
      const heard = new Heard();
      const unlisten = await here.listen(0, heard);
      await Promise.all([here.close(), here.close()]);
      await here.close();
      await unlisten();
      expect(here.ready()).toBe(false);
      const calls: readonly (() => Promise<unknown>)[] = [
        () => here.load(['a']),
        () => here.due(1, 1),
        () => here.listen(0, heard),
        () => here.caughtUp(),
        () => here.leases.renew('n', LONG, true),
        () => here.leases.lost(),
        () => here.leases.members('n', 1),
        () => here.leases.forget('n'),
        () =>
          here.commit({
            userId: 'a',
            previous: EMPTY_RECORD,
            record: changed(EMPTY_RECORD),
            wakeAt: null,
            visible: true,
          }),
      ];
      for (const call of calls) {
        const error: unknown = await call().then(
          () => null,
          (reason: unknown) => reason,
        );
        expect(error).toBeInstanceOf(RollcallError);
        expect(error).toMatchObject({ code: 'UNAVAILABLE' });
      }
      expect(heard.events).toEqual([]);
    });
  });
}

async function members(store: PresenceStore, node: string): Promise<string[]> {
  return (await store.leases.members(node, 100)).toSorted();
}

function lostSoon(store: PresenceStore, count: number): ReturnType<PresenceStore['leases']['lost']> {
  return eventually(
    () => store.leases.lost(),
    (nodes) => nodes.length >= count,
  );
}
