import { expect, test } from 'vitest';
import { RedisClock } from '../../src/redis/clock.ts';

/** A monotonic clock of this process that the test moves on. */
function local(): { readonly clock: RedisClock; advance(ms: number): void; at(): number } {
  let at = 1_000;
  return {
    clock: new RedisClock(() => at),
    advance: (ms) => {
      at += ms;
    },
    at: () => at,
  };
}

test('rule 11.1: before the store has said its time there is none', () => {
  expect(() => local().clock.now()).toThrow(expect.objectContaining({ code: 'UNAVAILABLE' }));
});

test('rule 11.1: the time is taken to be that of the middle of the round trip', () => {
  const { clock, advance, at } = local();
  const sentAt = at();
  advance(10);
  clock.sample(sentAt, 500_000);
  expect(clock.now()).toBe(500_005);
  advance(100);
  expect(clock.now()).toBe(500_105);
});

test('the shortest round trip is believed, until drift may have made a longer one the better', () => {
  const { clock, advance, at } = local();
  clock.sample(at(), 500_000);
  advance(20);
  clock.sample(at() - 20, 500_014);
  expect(clock.now()).toBe(500_020);
  advance(60_000);
  clock.sample(at() - 20, 560_026);
  // 60 s later the first sample may be 12 ms wrong, this one no more than 10.
  expect(clock.now()).toBe(560_036);
});

test('a step of the store forwards is followed at once', () => {
  const { clock, advance, at } = local();
  clock.sample(at(), 500_000);
  advance(1_000);
  clock.sample(at() - 50, 900_000);
  expect(clock.now()).toBe(900_025);
});

test('rule 11.3: after a step backwards it never runs back, and meets the time of the store again', () => {
  const { clock, advance, at } = local();
  clock.sample(at(), 500_000);
  expect(clock.now()).toBe(500_000);
  clock.sample(at(), 499_000);
  let last = clock.now();
  expect(last).toBe(500_000);
  for (let step = 0; step < 30; step++) {
    advance(100);
    const now = clock.now();
    expect(now).toBeGreaterThan(last);
    last = now;
  }
  expect(last).toBe(499_000 + 3_000);
});
