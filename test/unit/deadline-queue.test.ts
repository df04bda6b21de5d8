import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DeadlineQueue } from '../../src/presence/deadline-queue.ts';

const step = fc.record({
  user: fc.integer({ min: 0, max: 30 }).map((number) => `u${number}`),
  at: fc.option(fc.integer({ min: 0, max: 50 }), { nil: null }),
});

test('rule 1.13: whatever was set, moved and removed, the earliest deadlines come first', () => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 200 }),
      fc.integer({ min: 0, max: 60 }),
      fc.integer({ min: 0, max: 40 }),
      (steps, now, limit) => {
        const queue = new DeadlineQueue();
        const model = new Map<string, number>();
        for (const { user, at } of steps) {
          queue.set(user, at);
          if (at === null) model.delete(user);
          else model.set(user, at);
        }
        const earliest = queue.first();
        expect(earliest?.at).toBe(model.size === 0 ? undefined : Math.min(...model.values()));
        expect(earliest === null ? undefined : model.get(earliest.userId)).toBe(earliest?.at);
        const expected = [...model.values()]
          .filter((at) => at <= now)
          .sort((a, b) => a - b)
          .slice(0, limit);
        const due = queue.due(now, limit);
        expect(due.map((user) => model.get(user))).toEqual(expected);
        expect(new Set(due).size).toBe(due.length);
        expect(queue.due(now, limit)).toEqual(due);
      },
    ),
  );
});
