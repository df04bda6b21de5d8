import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bytesOnMemory } from '../support/model-leaks.ts';
import { MODEL_MS, modelRuns } from '../support/model-run.ts';
import { secretStories } from '../support/model-secrets.ts';

test(
  'rules 7 and 8.4: two worlds that differ in what is hidden from a viewer give that viewer the same bytes at each step',
  async () => {
    await fc.assert(
      fc.asyncProperty(secretStories, async (story) => {
        const one = await bytesOnMemory(story, 0);
        const other = await bytesOnMemory(story, 1);
        expect(other).toEqual(one);
      }),
      modelRuns(40),
    );
  },
  MODEL_MS,
);
