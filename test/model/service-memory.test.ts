import fc from 'fast-check';
import { test } from 'vitest';
import { MODEL_MS, type ModelRun, modelRuns, playOnMemory } from '../support/model-run.ts';
import { modelSteps } from '../support/model-steps.ts';

const runs: fc.Arbitrary<ModelRun> = fc.record({
  weather: fc.record({
    seed: fc.nat(1_000_000),
    lagMs: fc.constantFrom(0, 0, 3, 40, 40),
    losing: fc.constantFrom(0, 0, 0.3, 0.6),
    repeating: fc.constantFrom(0, 0.2),
    apartMs: fc.constantFrom(0, 0, 3, -20),
  }),
  awayAfterMs: fc.constantFrom(1_500, 300_000),
  nodes: fc.integer({ min: 1, max: 3 }),
  friends: fc.array(fc.tuple(fc.nat(4), fc.nat(4)), { maxLength: 6 }),
  steps: modelSteps({ events: ['kill', 'start', 'sleep', 'cut', 'heal', 'heal', 'heal'], time: true, maxLength: 60 }),
});

test(
  'rules 1 to 8 and 10: whatever people, nodes and the network do, each rule holds at each step, in virtual time',
  async () => {
    await fc.assert(fc.asyncProperty(runs, playOnMemory), modelRuns(120));
  },
  MODEL_MS,
);
