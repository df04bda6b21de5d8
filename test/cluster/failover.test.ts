import { describe, it } from 'vitest';
import { NODES_KEY, Partitions } from '../../src/redis/partitions.ts';
import { LEASE_MS, SPANS } from '../support/fleet.ts';
import { type ClusterNode, startRedisCluster } from '../support/redis-cluster.ts';
import { EngineScenarios } from '../support/scenarios.ts';
import { sleep } from '../support/stage.ts';

const partitions = new Partitions(64);
const scenes = new EngineScenarios({
  name: 'over',
  nodes: 2,
  bound: 6,
  beating: 6,
  observers: 3,
  start: () => startRedisCluster({ replicas: 1 }),
});

/** For `lagMs` a replica is told nothing; then its master stands still, it takes its place, and the old one comes back. */
async function loseWrites(master: ClusterNode, lagMs: number, meanwhile: () => Promise<unknown>): Promise<void> {
  const cluster = scenes.engine;
  const replica = await cluster.replicaOf(master);
  const from = Date.now();
  await cluster.breakReplication(master);
  await sleep(lagMs);
  await meanwhile();
  await master.pause();
  await cluster.promote(replica);
  await master.wake();
  await cluster.mendReplication(master);
  await cluster.settled();
  scenes.stage.lostWrites(from);
}

describe('a replica that takes the place of its master and knows less', () => {
  for (const [what, key] of [
    ['of partitions', partitions.key(1, 'head')],
    ['of the leases of nodes, the clock and the friend lists', NODES_KEY],
  ] as const) {
    it(`rules 5.5, 10.6: the master ${what}; whoever was heard is not taken for gone`, {
      timeout: 120_000,
    }, async () => {
      await scenes.rest();
      const { stage } = scenes;
      const movers = stage.bound.slice(0, 3);
      // By what the replica knows, nobody has been heard for longer than a session lives.
      await loseWrites(await scenes.engine.ownerOf(key), LEASE_MS + SPANS.toleranceMs, async () => {
        for (const mover of movers) mover.goElsewhere();
        await Promise.all(movers.map((mover) => mover.untilBound()));
      });
      await stage.sayAgain();
      // Nobody is spared any more.
      await sleep(2 * LEASE_MS + SPANS.graceMs);
      await scenes.conclude(`lost writes of the master ${what}`);
    });
  }

  it('rule 5.5: while everybody is busy, all converge to what the replica knows', { timeout: 120_000 }, async () => {
    const { stage } = scenes;
    const isBack = stage.losesWrites();
    await loseWrites(await scenes.engine.ownerOf(partitions.key(1, 'head')), SPANS.heartbeatMs, async () => {});
    isBack();
    await scenes.rest();
    await stage.sayAgain();
    await scenes.conclude('lost writes under load');
  });
});
