import { describe, it } from 'vitest';
import { DEFAULT_PARTITIONS, Partitions } from '../../src/redis/partitions.ts';
import { LEASE_MS, SPANS } from '../support/fleet.ts';
import { startRedisCluster } from '../support/redis-cluster.ts';
import { EngineScenarios } from '../support/scenarios.ts';
import { sleep } from '../support/stage.ts';

const scenes = new EngineScenarios({
  name: 'vote',
  nodes: 2,
  bound: 6,
  beating: 6,
  observers: 3,
  busyMs: null,
  start: () => startRedisCluster({ replicas: 1, nodeTimeoutMs: 3_000 }),
});

describe('a Cluster that looks after itself', () => {
  it('rules 5.2, 10.3: a master is killed, and a replica elected in its place', { timeout: 120_000 }, async () => {
    const { stage, engine: cluster } = scenes;
    const key = new Partitions(DEFAULT_PARTITIONS).key(1, 'head');
    const master = await cluster.ownerOf(key);
    const from = Date.now();
    await master.kill();
    // By default none of its parts may be used before that.
    await Promise.all(stage.observers.map((viewer) => viewer.until('it to be stale', () => viewer.stale, 30_000)));
    await cluster.settled();
    stage.lostWrites(from);
    const healedAt = Date.now();
    await Promise.all(stage.observers.map((viewer) => viewer.until('it to be whole', () => !viewer.stale, 30_000)));
    const whole = Date.now() - healedAt;
    await master.restart();
    await cluster.settled();
    await stage.sayAgain();
    await sleep(2 * LEASE_MS + SPANS.graceMs);
    await scenes.conclude('a replica is elected', { whole });
  });
});
