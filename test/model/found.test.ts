import { test } from 'vitest';
import { type ModelRun, playOnMemory } from '../support/model-run.ts';
import type { Ask, Step } from '../support/model-steps.ts';

/** What a model has found, each as the shortest run that showed it. */
const CALM: ModelRun = {
  weather: { seed: 0, lagMs: 0, losing: 0, repeating: 0, apartMs: 0 },
  awayAfterMs: 300_000,
  nodes: 1,
  friends: [],
  steps: [],
};

function asked(user: number, what: Ask, via = 0): Step {
  return { step: 'ask', all: [{ user, via, what }] };
}

test('rule 4.4: a new stream waits until what its own question has found to be missing has been read', async () => {
  await playOnMemory({
    ...CALM,
    weather: { seed: 0, lagMs: 40, losing: 1, repeating: 0, apartMs: 0 },
    friends: [[0, 2]],
    steps: [
      { step: 'open', viewer: 0, via: 0, only: null, coalesceMs: 0 },
      { step: 'pass', ms: 500 },
      asked(2, { ask: 'beat', device: 0, activity: 'ACTIVE', bind: false }),
      { step: 'pass', ms: 500 },
      { step: 'open', viewer: 0, via: 0, only: null, coalesceMs: 0 },
      { step: 'pass', ms: 500 },
    ],
  });
});
