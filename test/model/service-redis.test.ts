import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { seeded } from '../soak/random.ts';
import { Publications } from '../support/model-publications.ts';
import { RedisPlant } from '../support/model-redis.ts';
import { MODEL_MS, modelRuns } from '../support/model-run.ts';
import { modelSteps, type Step, withoutEnds } from '../support/model-steps.ts';
import { ModelWorld } from '../support/model-world.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';

/** So long that nothing ends by itself: time is the embedded engine's model's business. */
const SETTINGS = {
  heartbeatIntervalMs: 60_000,
  heartbeatToleranceMs: 10_000,
  disconnectGraceMs: 60_000,
  awayAfterMs: 300_000,
  nodeLeaseMs: 60_000,
};
/** Longer than between two audits. */
const REST_MS = 900;

/** Somebody who looks from the beginning. */
const WATCHERS: readonly Step[] = [0, 1, 2].map((viewer) => ({
  step: 'open',
  viewer,
  via: viewer,
  only: null,
  coalesceMs: 0,
}));

let redis: RedisServer;
let publications: Publications;
/** Over all runs. */
let lost = 0;

beforeAll(async () => {
  redis = await startRedis();
  publications = new Publications(redis.url);
});
afterAll(async () => {
  await publications.close();
  await redis.stop();
});

const runs = fc.record({
  weather: fc.record({ losing: fc.constantFrom(0.2, 0.5), repeating: fc.constantFrom(0, 0.2) }),
  seed: fc.nat(1_000_000),
  nodes: fc.integer({ min: 1, max: 3 }),
  friends: fc.array(fc.tuple(fc.nat(4), fc.nat(4)), { minLength: 8, maxLength: 12 }),
  steps: modelSteps({ events: ['kill', 'start', 'cut', 'heal', 'heal'], time: false, maxLength: 30 }),
});

type Run = typeof runs extends fc.Arbitrary<infer R> ? R : never;

async function play({ weather, seed, nodes, friends, steps }: Run): Promise<void> {
  await publications.begin();
  const plant = new RedisPlant(redis, weather, seeded(seed));
  const world = new ModelWorld(plant, { settings: SETTINGS, restMs: REST_MS, endless: true });
  try {
    await world.start(nodes, friends);
    for (const step of [...WATCHERS, ...steps].map((step) => withoutEnds(step))) await world.take(step);
    await world.rest();
    await publications.mustBeRight();
    lost += plant.lost;
  } catch (error) {
    throw new Error(`${String(error)}\n${world.history.slice(-60).join('\n')}`, { cause: error });
  } finally {
    await world.close();
  }
}

test(
  'rules 3 to 8: whatever people, nodes and the network do, each rule holds at each step, on Redis',
  async () => {
    // In real time nothing happens twice in the same way, so there is little to be had from shorter runs.
    await fc.assert(fc.asyncProperty(runs, play), { ...modelRuns(10), endOnFailure: true });
    expect(publications.count).toBeGreaterThan(0);
    expect(lost).toBeGreaterThan(0);
  },
  MODEL_MS,
);
