import { afterEach, beforeEach, expect, test } from 'vitest';
import { DEFAULT_PARTITIONS, META_KEY, NODES_KEY, Partitions } from '../../src/redis/partitions.ts';
import { backend, beat, openWorld, user, type World } from '../service/world.ts';
import type { ClusterNode } from '../support/redis-cluster.ts';
import { sharedCluster } from '../support/shared-cluster.ts';

const partitions = new Partitions(DEFAULT_PARTITIONS);
const shared = sharedCluster({ args: ['--cluster-require-full-coverage', 'no'] });
let world: World;

beforeEach(async () => {
  world = await openWorld({ open: () => shared.engines(), close: async () => {} });
});
afterEach(() => world.close());

/** Some people whose presence is at the master. */
async function peopleAt(master: ClusterNode, count: number): Promise<string[]> {
  const people: string[] = [];
  for (let index = 0; people.length < count; index++) {
    const id = `somebody${index}`;
    if ((await shared.cluster.ownerOf(partitions.key(partitions.of(id), 'head'))) === master) people.push(id);
  }
  return people;
}

test('rules 4.4, 10.5: streams of people of the other masters open while one is away, and are up to date', async () => {
  const { cluster } = shared;
  const needed = await Promise.all([NODES_KEY, META_KEY, '{friends}'].map((key) => cluster.ownerOf(key)));
  const lost = cluster.nodes.find((node) => !needed.includes(node));
  const [kept] = needed;
  if (!lost || !kept) throw new Error('Each master holds something else as well.');
  const [away = ''] = await peopleAt(lost, 1);
  const [here = '', too = ''] = await peopleAt(kept, 2);
  await world.rollcall.syncFriends(backend, 'ada', [away, here]);
  await world.rollcall.syncFriends(backend, 'eve', [here, too]);
  const ada = await world.watch('ada');
  await ada.until('the first frame', ({ items }) => items.length > 0);
  const other = await world.node();
  await lost.kill();
  await ada.until('it to be stale', ({ items }) => items.at(-1)?.stale === true);

  // Here somebody is watched who is away, at the other node nobody is.
  for (const on of [world.rollcall, other]) {
    const [activity, status] = on === other ? (['IDLE', 'AWAY'] as const) : (['ACTIVE', 'ONLINE'] as const);
    await world.rollcall.heartbeat(user(here), beat('s', { activity }));
    const eve = await world.watch('eve', { on });
    await eve.until('the first frame', ({ items }) => items.length > 0);
    expect(eve.status(here)).toBe(status);
    await world.rollcall.heartbeat(user(too), beat('s', { activity }));
    await eve.sees(too, status);
    await eve.close();
  }
  await expect(world.watch('ada', { on: other })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
});
