import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Bustle } from '../support/bustle.ts';
import { type FleetNode, LEASE_MS, SPANS, startFleet } from '../support/fleet.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { Stage, sleep } from '../support/stage.ts';

let redis: RedisServer;
let admin: Redis;
let nodes: readonly FleetNode[];
let stage: Stage;
let bustle: Bustle;
let count = 0;

beforeAll(async () => {
  redis = await startRedis({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] });
  admin = new Redis(redis.url, { retryStrategy: () => 50 });
  admin.on('error', () => undefined);
  nodes = await startFleet(3, { engineUrl: redis.url });
});
afterAll(async () => {
  admin?.disconnect();
  await Promise.all((nodes ?? []).map((node) => node.close()));
  await redis?.stop();
});

describe('a store that fails', () => {
  beforeEach(async () => {
    stage = await Stage.open({ engineUrl: redis.url, name: `s${count++}` }, nodes);
    bustle = new Bustle(stage, 25);
  });
  afterEach(async () => {
    await bustle?.stop();
    await stage?.close();
  });

  async function conclude(scenario: string, figures: Record<string, number> = {}): Promise<void> {
    await bustle.stop();
    const convergence = await stage.converge();
    stage.report(scenario, { ...figures, convergence });
    expect(stage.verdict().slice(0, 12)).toEqual([]);
  }

  for (const [what, outageMs] of [
    ['shorter', SPANS.nodeLeaseMs / 3],
    ['about as long', LEASE_MS],
    ['longer', 2 * LEASE_MS],
  ] as const) {
    it(`rule 10.3: Redis is killed and comes back with its data, ${what} than a session lives unheard`, async () => {
      const from = Date.now();
      await redis.kill('SIGKILL');
      const gone = [stage.bound[0], stage.beating[0]].flatMap((actor) => actor ?? []);
      for (const actor of gone) actor.vanish();
      await sleep(outageMs);
      await redis.restart();
      stage.outage(from);
      const healedAt = Date.now();
      await stage.observers[0]?.until('the stream to be whole', () => stage.observers.every(({ stale }) => !stale));
      const whole = Date.now() - healedAt;
      // By then whoever has not been heard is gone.
      const seen = await Promise.all(
        stage.observers.flatMap((observer) => gone.map(({ userId }) => observer.sees(userId, 'OFFLINE'))),
      );
      await conclude(`Redis away for ${outageMs} ms`, { whole, ghost: Math.max(...seen) - healedAt });
    });
  }

  it('rule 10.3: Redis says nothing for a while, and then answers what it was asked before', async () => {
    for (let round = 0; round < 3; round++) {
      const from = Date.now();
      await redis.kill('SIGSTOP');
      await sleep(LEASE_MS + SPANS.nodeLeaseMs);
      await redis.kill('SIGCONT');
      stage.outage(from);
      await sleep(SPANS.nodeLeaseMs);
    }
    await conclude('Redis paused');
  });

  it('rule 5.3: its subscribers are cut off in the middle of a burst', async () => {
    await bustle.stop();
    bustle = new Bustle(stage, 2);
    for (let round = 0; round < 6; round++) {
      await sleep(250);
      await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    }
    await conclude('CLIENT KILL TYPE pubsub in a burst', { changes: bustle.told });
  });

  it('rule 3.1: its scripts are flushed', async () => {
    for (let round = 0; round < 5; round++) {
      await admin.script('FLUSH');
      await sleep(200);
    }
    await conclude('SCRIPT FLUSH');
  });

  it('rules 2.9, 10.4: it comes back empty', async () => {
    await redis.stop();
    const isBack = stage.emptied();
    redis = await startRedis({ port: redis.port, args: ['--appendonly', 'yes', '--appendfsync', 'always'] });
    isBack();
    const healedAt = Date.now();
    for (const { userId } of stage.observers) await stage.befriendAll(userId);
    const again = await Promise.all(
      stage.observers.flatMap((observer) =>
        stage.bound.map(({ userId }) =>
          observer.until(`${userId} to be here`, () => isHere(observer.roster.get(userId))),
        ),
      ),
    );
    await conclude('Redis back empty', { bound: Math.max(...again) - healedAt });
  });
});

function isHere(shown: { readonly status: string } | undefined): boolean {
  return shown !== undefined && shown.status !== 'OFFLINE';
}
