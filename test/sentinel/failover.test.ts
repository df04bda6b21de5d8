import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Bustle } from '../support/bustle.ts';
import { type FleetNode, SPANS, startFleet } from '../support/fleet.ts';
import type { RedisServer } from '../support/redis.ts';
import { type SentinelGroup, startSentinelGroup } from '../support/sentinel.ts';
import { Stage, sleep } from '../support/stage.ts';

const PATIENCE_MS = 20_000;
const TEST_MS = 150_000;

let group: SentinelGroup;
let nodes: readonly FleetNode[];
let stage: Stage;
let bustle: Bustle;
let count = 0;

beforeAll(async () => {
  group = await startSentinelGroup({ downAfterMs: 3_000 });
  nodes = await startFleet(3, { engineUrl: group.url });
});
afterAll(async () => {
  await Promise.all((nodes ?? []).map((node) => node.close()));
  await group?.stop();
});

describe('a failover', () => {
  beforeEach(async () => {
    stage = await Stage.open({ engineUrl: group.url, name: `f${count++}`, bound: 4, beating: 2, observers: 3 }, nodes);
    bustle = new Bustle(stage, 25);
  });
  afterEach(async () => {
    await bustle?.stop();
    await stage?.close();
  });

  /** Whoever was busy while writes were lost says once more how they are; then everything must be right. */
  async function conclude(scenario: string, figures: Record<string, number>): Promise<void> {
    await bustle.stop();
    await stage.sayAgain();
    const convergence = await stage.converge();
    stage.report(scenario, { ...figures, convergence });
    expect(stage.verdict().slice(0, 12)).toEqual([]);
  }

  async function untilWhole(): Promise<void> {
    await Promise.all(stage.observers.map((viewer) => viewer.until('the stream to be whole', () => !viewer.stale)));
  }

  it(
    'rules 5.2, 5.5, 10.3: the master is killed while a sentinel says nothing, and comes back as a replica',
    async () => {
      const old = await group.master();
      const [silent] = group.sentinels;
      await silent?.kill('SIGSTOP');
      const from = Date.now();
      stage.truth.lostDataAt = from;
      await old.kill('SIGKILL');
      await group.untilMasterIsNot(old);
      stage.lostWrites(from);
      const namedAt = Date.now();
      await untilWhole();
      const whole = Date.now() - namedAt;
      await silent?.kill('SIGCONT');
      await conclude('SIGKILL of the master', { outage: namedAt - from, whole });

      // With nothing in it, and as a master until the sentinels see it.
      bustle = new Bustle(stage, 25);
      await old.restart();
      await group.untilReplica(old);
      expect(await visitors(old)).toEqual([]);
      await conclude('the old master is back', {});
    },
    TEST_MS,
  );

  it(
    'rules 5.2, 5.5: the old master lives on and takes writes that are lost',
    async () => {
      const old = await group.master();
      const from = Date.now();
      // Until all have left it, nobody can say which of what is shown will be lost.
      stage.truth.lostDataAt = Number.POSITIVE_INFINITY;
      await group.detachReplicas();
      await sleep(SPANS.nodeLeaseMs);
      await group.failOver();
      await group.untilMasterIsNot(old);
      const namedAt = Date.now();
      await untilLeft(old);
      const left = Date.now() - namedAt;
      stage.lostWrites(from);
      await untilWhole();
      const whole = Date.now() - namedAt;
      expect(String(await group.ask(old, 'ROLE'))).toMatch(/^master/);
      await conclude('failover with lost writes', { lost: namedAt - from, left, whole });
    },
    TEST_MS,
  );
});

/** Which clients are connected to `server`, but for sentinels, replicas and who asks. */
async function visitors(server: RedisServer): Promise<string[]> {
  const clients = String(await group.ask(server, 'CLIENT', 'LIST'))
    .trim()
    .split('\n');
  return clients.filter((line) => !/ name=sentinel| flags=[SM] | cmd=client/.test(line));
}

async function untilLeft(server: RedisServer): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const left = await visitors(server);
    if (left.length === 0) return;
    if (performance.now() > deadline) throw new Error(`Still there:\n${left.join('\n')}`);
    await sleep(20);
  }
}
