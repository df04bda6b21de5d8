import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Bustle } from '../support/bustle.ts';
import { type FleetNode, LEASE_MS, RENEWAL_MS, SPANS, startFleet } from '../support/fleet.ts';
import { CLOCK_ERROR_MS } from '../support/life.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { Stage, sleep } from '../support/stage.ts';

let redis: RedisServer;
let nodes: readonly FleetNode[];
let stage: Stage;
let bustle: Bustle;
let count = 0;

beforeAll(async () => {
  redis = await startRedis();
  nodes = await startFleet(3, { engineUrl: redis.url });
});
afterAll(async () => {
  await Promise.all((nodes ?? []).map((node) => node.close()));
  await redis?.stop();
});

describe('nodes that fail', () => {
  beforeEach(async () => {
    stage = await Stage.open({ engineUrl: redis.url, name: `n${count++}` }, nodes);
    bustle = new Bustle(stage, 25);
  });
  afterEach(async () => {
    await bustle?.stop();
    await stage?.close();
  });

  /** Lets everything settle; fails for whatever was wrong. */
  async function conclude(scenario: string, figures: Record<string, number> = {}): Promise<void> {
    await bustle.stop();
    const convergence = await stage.converge();
    stage.report(scenario, { ...figures, convergence });
    expect(stage.verdict()).toEqual([]);
  }

  it('rules 2.6, 2.7: SIGKILL of a node ends only those who do not come back', async () => {
    const doomed = stage.addBound('doomed', 0);
    for (const { userId } of stage.observers) await stage.befriendAll(userId);
    await doomed.start();
    await stage.converge();
    const killedAt = Date.now();
    stage.died(0);
    doomed.vanish();
    await nodes[0]?.kill();
    const seen = await Promise.all(stage.observers.map((observer) => observer.sees(doomed.userId, 'OFFLINE')));
    const since = stage.observers[0]?.roster.get(doomed.userId)?.since ?? 0;
    expect(since).toBeGreaterThan(killedAt + LEASE_MS - RENEWAL_MS - CLOCK_ERROR_MS);
    expect(since).toBeLessThan(killedAt + LEASE_MS + CLOCK_ERROR_MS);
    await nodes[0]?.restart();
    await conclude('SIGKILL of a node', { ghost: Math.max(...seen) - killedAt });
  });

  it('rule 2: a node that is paused for less than its lease is missed by nobody', async () => {
    for (let round = 0; round < 3; round++) {
      nodes[0]?.pause();
      await sleep(SPANS.nodeLeaseMs / 2);
      nodes[0]?.wake();
      await sleep(SPANS.nodeLeaseMs);
    }
    await conclude('SIGSTOP shorter than the lease');
  });

  it('rule 2.9: a node that wakes up after its lease shows nobody gone and takes nobody away', async () => {
    for (let round = 0; round < 2; round++) {
      stage.died(0);
      nodes[0]?.pause();
      await sleep(2 * SPANS.nodeLeaseMs + round * LEASE_MS);
      nodes[0]?.wake();
      // Whatever it took from others would end with the grace.
      await sleep(SPANS.graceMs + RENEWAL_MS);
    }
    await conclude('SIGSTOP longer than the lease');
  });

  it('rules 2.6, 10.3: all nodes die, and others start when every lease has run out', async () => {
    const from = Date.now();
    for (const node of nodes.keys()) stage.died(node);
    await Promise.all(nodes.map((node) => node.kill()));
    // Nobody was there to hear them, so nobody is gone before they could be heard.
    const gone = [stage.bound[0], stage.beating[0]].flatMap((actor) => actor ?? []);
    for (const actor of gone) actor.vanish();
    await sleep(LEASE_MS + SPANS.nodeLeaseMs);
    await Promise.all(nodes.map((node) => node.restart()));
    const backAt = Date.now();
    stage.outage(from);
    const seen = await Promise.all(
      stage.observers.flatMap((observer) => gone.map(({ userId }) => observer.sees(userId, 'OFFLINE'))),
    );
    await conclude('all nodes die', { outage: backAt - from, ghost: Math.max(...seen) - backAt });
  });

  it('rules 2.7, 4.3, 6.1: a rolling restart of all nodes leaves no trace', async () => {
    for (const node of nodes) await node.replace();
    await conclude('rolling restart');
  });

  it('rules 2.7, 6.1: everybody comes back at once', async () => {
    for (let round = 0; round < 3; round++) {
      for (const { front } of nodes) front.reset();
      await sleep(SPANS.graceMs);
    }
    await conclude('all reconnect at once');
  });
});

describe('nodes whose clocks are wrong', () => {
  it('rule 11.1: by minutes, in both directions, is of no importance', async () => {
    stage = await Stage.open({
      engineUrl: redis.url,
      name: 'clocks',
      clockShiftsMs: [-420_000, 0, 300_000],
    });
    bustle = new Bustle(stage, 25);
    try {
      const gone = stage.addBeating('gone', 0);
      for (const { userId } of stage.observers) await stage.befriendAll(userId);
      await gone.start();
      await stage.converge();
      stage.died(2);
      await stage.nodes[2]?.kill();
      const goneAt = Date.now();
      gone.vanish();
      const seen = await Promise.all(stage.observers.map((observer) => observer.sees(gone.userId, 'OFFLINE')));
      await stage.nodes[2]?.restart();
      await bustle.stop();
      const convergence = await stage.converge();
      stage.report('wrong wall clocks', { ghost: Math.max(...seen) - goneAt, convergence });
      expect(stage.verdict()).toEqual([]);
    } finally {
      await bustle.stop();
      await stage.close();
    }
  });
});
