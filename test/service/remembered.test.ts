import { describe, expect, it } from 'vitest';
import { EMPTY_RECORD, type PresenceRecord } from '../../src/presence/record.ts';
import { Remembered } from '../../src/service/remembered.ts';

const PARTS = 1_000;
const small: PresenceRecord = { ...EMPTY_RECORD, rev: 1 };
const audience = EMPTY_RECORD.everyone;
const large: PresenceRecord = {
  ...small,
  apart: Object.fromEntries(Array.from({ length: 99 }, (_, index) => [`viewer-${index}`, audience])),
};

function held(remembered: Remembered, kind: string, count: number): number {
  return Array.from({ length: count }, (_, index) => remembered.get(`${kind}-${index}`)).filter(Boolean).length;
}

function fill(record: PresenceRecord, count: number): Remembered {
  const remembered = new Remembered(PARTS);
  for (let index = 0; index < count; index += 1) remembered.set(`user-${index}`, record);
  return remembered;
}

describe('rule 5.6: what a node remembers of records', () => {
  it('is bounded by what they hold: many small ones, few large ones', () => {
    expect(fill(small, 900).get('user-0')).toBe(small);
    expect(held(fill(small, 10_000), 'user', 10_000)).toBeLessThanOrEqual(2 * PARTS);
    expect(held(fill(large, 10_000), 'user', 10_000)).toBeLessThanOrEqual((2 * PARTS) / 100);
  });

  it('keeps what is used, however much else is remembered meanwhile', () => {
    const remembered = new Remembered(PARTS);
    remembered.set('used', small);
    remembered.set('unused', small);
    for (let index = 0; index < 10 * PARTS; index += 1) {
      remembered.set(`user-${index}`, small);
      if (index % 500 === 0) expect(remembered.get('used')).toBe(small);
    }
    expect(remembered.get('unused')).toBeUndefined();
  });

  it('holds the newest of each, and counts a record that is replaced once', () => {
    const remembered = new Remembered(PARTS);
    remembered.set('first', small);
    let newest = small;
    for (let rev = 2; rev < 10 * PARTS; rev += 1) {
      newest = { ...small, rev };
      remembered.set('bob', newest);
    }
    expect(remembered.get('bob')).toBe(newest);
    expect(remembered.get('first')).toBe(small);
  });
});
