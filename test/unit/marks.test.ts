import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Marks } from '../../src/roster/marks.ts';

test('marks are a set, in the order in which they were made, whether few or many', () => {
  const step = fc.record({ add: fc.boolean(), item: fc.integer({ min: 0, max: 40 }) });
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 40 }), fc.array(step, { maxLength: 120 }), (first, steps) => {
      const marks = new Marks(first);
      const set = new Set([first]);
      for (const { add, item } of steps) {
        if (add) marks.add(item);
        else marks.delete(item);
        if (add) set.add(item);
        else set.delete(item);
        expect(marks.empty).toBe(set.size === 0);
        expect([...marks.all]).toEqual([...set]);
      }
    }),
  );
});
