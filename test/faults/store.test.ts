import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { LEASE_MS, SPANS } from '../support/fleet.ts';
import { Scenarios } from '../support/scenarios.ts';
import { sleep } from '../support/stage.ts';

const scenarios = new Scenarios({ name: 's', redisArgs: ['--appendonly', 'yes', '--appendfsync', 'always'] });
let admin: Redis;

beforeAll(() => {
  admin = new Redis(scenarios.redis.url, { retryStrategy: () => 50 });
  admin.on('error', () => undefined);
});
afterAll(() => admin?.disconnect());

describe('a store that fails', () => {
  for (const [what, outageMs] of [
    ['shorter', SPANS.nodeLeaseMs / 3],
    ['about as long', LEASE_MS],
    ['longer', 2 * LEASE_MS],
  ] as const) {
    it(`rule 10.3: Redis is killed and comes back with its data, ${what} than a session lives unheard`, async () => {
      const { stage, redis } = scenarios;
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
      await scenarios.conclude(`Redis away for ${outageMs} ms`, { whole, ghost: Math.max(...seen) - healedAt });
    });
  }

  it('rule 10.3: Redis says nothing for a while, and then answers what it was asked before', async () => {
    const { stage, redis } = scenarios;
    for (let round = 0; round < 2; round++) {
      const from = Date.now();
      await redis.kill('SIGSTOP');
      await sleep(LEASE_MS + SPANS.nodeLeaseMs);
      await redis.kill('SIGCONT');
      stage.outage(from);
      await sleep(SPANS.nodeLeaseMs);
    }
    await scenarios.conclude('Redis paused');
  });

  it('rule 5.3: its subscribers are cut off in the middle of a burst', async () => {
    await scenarios.rest();
    scenarios.busy(2);
    for (let round = 0; round < 6; round++) {
      await sleep(250);
      await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    }
    await scenarios.conclude('CLIENT KILL TYPE pubsub in a burst', { changes: scenarios.told });
  });

  it('rule 3.1: its scripts are flushed', async () => {
    for (let round = 0; round < 5; round++) {
      await admin.script('FLUSH');
      await sleep(200);
    }
    await scenarios.conclude('SCRIPT FLUSH');
  });

  it('rules 2.9, 10.4: it comes back empty', async () => {
    const { stage } = scenarios;
    const emptied = scenarios.replaceRedis();
    const isBack = stage.emptied();
    await emptied;
    isBack();
    const healedAt = Date.now();
    for (const { userId } of stage.observers) await stage.befriendAll(userId);
    const again = await Promise.all(
      stage.observers.flatMap((observer) => stage.bound.map(({ userId }) => observer.seesHere(userId))),
    );
    await scenarios.conclude('Redis back empty', { bound: Math.max(...again) - healedAt });
  });
});
