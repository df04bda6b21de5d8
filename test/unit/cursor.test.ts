import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cursorPrefix, cursorScope, decodeCursor, encodeCursor, RevisionTexts } from '../../src/roster/cursor.ts';

const revision = fc.oneof(
  fc.maxSafeNat(),
  fc.integer({ min: 36 ** 5 - 2, max: 36 ** 5 + 2 }),
  fc.integer({ min: 0, max: 200 }),
);

test('rule 6.1: a cursor says where its stream stood, to the microsecond', () => {
  const scope = cursorScope('lineage', 'ada', null);
  fc.assert(
    fc.property(fc.array(fc.tuple(revision, revision), { minLength: 1, maxLength: 80 }), (positions) => {
      const texts = new RevisionTexts();
      for (const [presence, friends] of positions) {
        const cursor = encodeCursor(cursorPrefix(scope), texts.of(presence), texts.of(friends));
        expect(decodeCursor(scope, cursor)).toEqual({ presence, friends });
        expect(decodeCursor(cursorScope('lineage', 'bob', null), cursor)).toBeNull();
      }
    }),
  );
});

test('a revision is remembered as itself, whatever was written in its place before', () => {
  const texts = new RevisionTexts();
  for (const number of [64, 128, 64, 0, 1, 65, 0]) expect(texts.of(number)).toBe(number.toString(36));
});
