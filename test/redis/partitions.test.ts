import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fromText, Partitions, toText } from '../../src/redis/partitions.ts';
import { HOSTILE_IDS } from '../contract/presence-store-setting.ts';

test('who is in which partition never changes: stored keys depend on it', () => {
  const partitions = new Partitions(64);
  const ids = ['', 'a', 'alice', 'bob', 'user-1', 'user-2', 'ünïcödé', '日本語', '🦊'];
  expect(ids.map((id) => partitions.of(id))).toEqual([25, 32, 5, 18, 39, 62, 56, 56, 11]);
});

test('users spread evenly over the partitions', () => {
  const partitions = new Partitions(64);
  const counts = new Array<number>(64).fill(0);
  for (let index = 0; index < 64_000; index++) {
    const partition = partitions.of(`user-${index}`);
    counts[partition] = (counts[partition] ?? 0) + 1;
  }
  expect(Math.min(...counts)).toBeGreaterThan(800);
  expect(Math.max(...counts)).toBeLessThan(1_200);
});

test('keys and channel of a partition share one hash tag', () => {
  const partitions = new Partitions(64);
  expect(partitions.key(3, 'head')).toBe('rollcall:{p3}:head');
  expect(partitions.keyFor(3, 'record', '}{x')).toBe('rollcall:{p3}:record:}{x');
  expect(partitions.channel(3)).toBe('rollcall:{p3}:changes');
});

test('a number of partitions is a whole one, at least 1', () => {
  for (const count of [0, -1, 1.5, Number.NaN]) expect(() => new Partitions(count)).toThrow(RangeError);
});

test('an id survives UTF-8, and no two ids become one', () => {
  const throughRedis = (id: string): string => Buffer.from(toText(id), 'utf8').toString('utf8');
  for (const id of HOSTILE_IDS) expect(fromText(throughRedis(id))).toBe(id);
  expect(new Set(HOSTILE_IDS.map(throughRedis)).size).toBe(HOSTILE_IDS.length);
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (id) => {
      expect(fromText(throughRedis(id))).toBe(id);
    }),
  );
  expect(toText('alice')).toBe('alice');
  expect(toText('ünïcödé 🦊')).toBe('ünïcödé 🦊');
});
