import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { DEFAULT_PARTITIONS, NODES_KEY, Partitions } from '../../src/redis/partitions.ts';
import { readRecord } from '../../src/store/redis/record-text.ts';
import { LEASE_MS, RENEWAL_MS, SPANS } from '../support/fleet.ts';
import { Scenarios } from '../support/scenarios.ts';
import { sleep } from '../support/stage.ts';

const scenarios = new Scenarios({ name: 'n' });

describe('nodes that fail', () => {
  it('rules 2.6, 2.7: SIGKILL of a node ends only those who do not come back', async () => {
    const { stage } = scenarios;
    const doomed = stage.addBound('doomed', 0);
    await stage.introduce(doomed);
    const killedAt = Date.now();
    stage.died(0);
    doomed.vanish();
    await scenarios.node(0).kill();
    const renewedAt = await lastRenewal(scenarios.redis.url, doomed.userId);
    const seen = await Promise.all(stage.observers.map((observer) => observer.sees(doomed.userId, 'OFFLINE')));
    const since = stage.observers[0]?.roster.get(doomed.userId)?.since ?? 0;
    expect(since).toBeGreaterThanOrEqual(renewedAt + LEASE_MS);
    await scenarios.node(0).restart();
    await scenarios.conclude('SIGKILL of a node', { ghost: Math.max(...seen) - killedAt });
  });

  it('rule 2: a node that is paused for less than its lease is missed by nobody', async () => {
    for (let round = 0; round < 3; round++) {
      scenarios.node(0).pause();
      await sleep(SPANS.nodeLeaseMs / 2);
      scenarios.node(0).wake();
      await sleep(SPANS.nodeLeaseMs);
    }
    await scenarios.conclude('SIGSTOP shorter than the lease');
  });

  it('rule 2.9: a node that wakes up after its lease shows nobody gone and takes nobody away', async () => {
    const { stage } = scenarios;
    for (let round = 0; round < 2; round++) {
      stage.died(0);
      scenarios.node(0).pause();
      await sleep(2 * SPANS.nodeLeaseMs + round * LEASE_MS);
      scenarios.node(0).wake();
      // Whatever it took from others would end with the grace.
      await sleep(SPANS.graceMs + RENEWAL_MS);
    }
    await scenarios.conclude('SIGSTOP longer than the lease');
  });

  it('rules 2.6, 10.3: all nodes die, and others start when every lease has run out', async () => {
    const { stage, nodes } = scenarios;
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
    await scenarios.conclude('all nodes die', { outage: backAt - from, ghost: Math.max(...seen) - backAt });
  });

  it('rules 2.7, 4.3, 6.1: a rolling restart of all nodes leaves no trace', async () => {
    const { nodes } = scenarios;
    for (const node of nodes) await node.replace();
    await scenarios.conclude('rolling restart');
  });

  it('rules 2.7, 6.1: everybody comes back at once', async () => {
    const { nodes } = scenarios;
    for (let round = 0; round < 3; round++) {
      for (const { front } of nodes) front.reset();
      await sleep(SPANS.graceMs);
    }
    await scenarios.conclude('all reconnect at once');
  });
});

/** When the node to which the user's session is bound has last renewed its lease, by the store's clock. */
async function lastRenewal(url: string, userId: string): Promise<number> {
  const redis = new Redis(url);
  try {
    const partitions = new Partitions(DEFAULT_PARTITIONS);
    const record = readRecord((await redis.get(partitions.keyFor(partitions.of(userId), 'record', userId))) ?? '');
    const score = await redis.zscore(NODES_KEY, record.sessions[0]?.binding?.node ?? '');
    if (score === null) throw new Error('Nobody knows the node any more.');
    // Negative once it has been found dead.
    return Math.abs(Number(score));
  } finally {
    redis.disconnect();
  }
}
