import { expect, test } from 'vitest';
import { bytesOnMemory } from '../support/model-leaks.ts';
import { type ModelRun, playOnMemory } from '../support/model-run.ts';
import type { Open, Slot, Story, Telling } from '../support/model-secrets.ts';
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

test('rule 7.4: one who changes while they are being put on the list makes no frame with nothing in it', async () => {
  const roam = (device: number) => ({ user: 4, via: 0, what: { ask: 'roam', device, leaving: 'first' } }) as const;
  await playOnMemory({
    ...CALM,
    weather: { seed: 0, lagMs: 3, losing: 0, repeating: 0, apartMs: 0 },
    steps: [
      { step: 'open', viewer: 0, via: 0, only: null, coalesceMs: 0 },
      { step: 'pass', ms: 500 },
      {
        step: 'ask',
        all: [
          { user: 0, via: 0, what: { ask: 'sync', friends: [4] } },
          { user: 0, via: 0, what: { ask: 'beat', device: 0, activity: 'ACTIVE', bind: false } },
        ],
      },
      {
        step: 'ask',
        all: [
          roam(0),
          roam(1),
          { user: 0, via: 0, what: { ask: 'override', source: 'user', status: null, priority: 0, forMs: 300 } },
        ],
      },
    ],
  });
});

function slot(open: Open, ...secrets: Telling[]): Slot {
  return { open, secrets: [secrets, []], waitMs: 20 };
}

test('rule 7.4: the cursor of a change that had been missed names no change of anybody else', async () => {
  const beat = { ask: 'beat', device: 0, activity: 'ACTIVE', bind: false } as const;
  const story: Story = {
    hiding: 'invisible',
    before: [],
    after: [
      slot({ open: 'watch', via: 1, only: null, coalesceMs: 0 }, { by: 'stranger', via: 0, what: beat }),
      slot({ open: 'break', via: 1 }),
      slot({ open: 'tell', telling: { by: 'open', via: 0, what: beat } }),
    ],
  };
  expect(await bytesOnMemory(story, 0)).toEqual(await bytesOnMemory(story, 1));
});

test('rule 7.4: a connection of who hides that closes at a node out of reach moves nobody else in time', async () => {
  const bound = { ask: 'beat', device: 0, activity: 'ACTIVE', bind: true } as const;
  const story: Story = {
    hiding: 'invisible',
    before: [
      { ...slot({ open: 'watch', via: 0, only: null, coalesceMs: 0 }), waitMs: 900 },
      slot({ open: 'tell', telling: { by: 'hidden', via: 1, what: bound } }),
    ],
    after: [
      slot({ open: 'tell', telling: { by: 'open', via: 1, what: bound } }),
      { ...slot({ open: 'break', via: 1 }), waitMs: 900 },
      slot({ open: 'part' }, { by: 'hidden', via: 0, what: { ask: 'roam', device: 0, leaving: 'first' } }),
    ],
  };
  expect(await bytesOnMemory(story, 0)).toEqual(await bytesOnMemory(story, 1));
});
