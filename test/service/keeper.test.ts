import { expect, it } from 'vitest';
import { Connections } from '../../src/service/connections.ts';
import { Keeper } from '../../src/service/keeper.ts';
import { NodeLease } from '../../src/service/node-lease.ts';
import { MemoryPresenceStore } from '../../src/store/memory.ts';
import { quiet } from '../support/quiet.ts';

it('rule 2.9: what is asked for in the very turn in which an earlier look ends is looked at', async () => {
  const store = new MemoryPresenceStore();
  const { leases } = store;
  let looks = 0;
  const counted = Object.assign(Object.create(store) as MemoryPresenceStore, {
    leases: Object.assign(Object.create(leases) as typeof leases, {
      members: async () => {
        looks += 1;
        return [];
      },
    }),
  });
  const events = { renamed: () => {}, reached: () => {} };
  const lease = new NodeLease(store, { ms: 10_000, settings: '' }, 3_000, quiet, events);
  const apply = () => Promise.reject(new Error('Nobody is here.'));
  for (let turns = 0; turns < 40; turns += 1) {
    const keeper = new Keeper({ store: counted, connections: new Connections(), lease, apply, log: quiet });
    looks = 0;
    const first = keeper.reconcile();
    for (let turn = 0; turn < turns; turn += 1) await null;
    const second = keeper.reconcile();
    await Promise.all([first, second]);
    expect([turns, looks]).toEqual([turns, 2]);
    keeper.close();
  }
  await store.close();
});
