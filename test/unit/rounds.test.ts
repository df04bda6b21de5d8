import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Rounds, type Teller } from '../../src/roster/rounds.ts';

class Listener implements Teller {
  queued = false;
  readonly toldAt: number[] = [];
  whenTold: () => void = () => {};

  tell(): void {
    this.toldAt.push(performance.now());
    this.whenTold();
  }
}

/** Everybody has news in each millisecond of the span. */
function newsFor(rounds: Rounds, tellers: readonly Listener[], spanMs: number): void {
  for (let ms = 0; ms < spanMs; ms++) {
    for (const teller of tellers) rounds.add(teller);
    vi.advanceTimersByTime(1);
  }
}

const listeners = (count: number): Listener[] => Array.from({ length: count }, () => new Listener());

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('rule 9.5: streams are told in rounds', () => {
  it('at once, and once for all that came together', () => {
    const rounds = new Rounds();
    const [one, other] = [new Listener(), new Listener()];
    for (const teller of [one, other, one, one]) rounds.add(teller);
    vi.advanceTimersByTime(0);
    expect([one.toldAt.length, other.toldAt.length]).toEqual([1, 1]);
  });

  it('anew where there is more news while they are told', () => {
    const rounds = new Rounds();
    let again = 2;
    const eager = new Listener();
    eager.whenTold = () => {
      if (again-- > 0) rounds.add(eager);
    };
    rounds.add(eager);
    vi.runAllTimers();
    expect(eager.toldAt).toHaveLength(3);
  });

  it('all of them, however many, with others in between', () => {
    const rounds = new Rounds();
    const many = listeners(1_000);
    for (const teller of many) rounds.add(teller);
    vi.advanceTimersToNextTimer();
    const first = many.filter(({ toldAt }) => toldAt.length === 1).length;
    expect(first).toBeGreaterThan(0);
    expect(first).toBeLessThan(1_000);
    vi.runAllTimers();
    expect(many.every(({ toldAt }) => toldAt.length === 1)).toBe(true);
  });

  it('at most 400 ms apart in a storm, with all that changed meanwhile, and at once again after it', () => {
    const rounds = new Rounds();
    const many = listeners(60);
    newsFor(rounds, many, 2_000);
    const [someone] = many as [Listener];
    const gaps = someone.toldAt.map((at, index) => at - (someone.toldAt[index - 1] ?? at));
    expect(Math.max(...gaps)).toBeLessThanOrEqual(401);
    // Of 2,000: those until the storm was noticed, then five.
    expect(someone.toldAt.length).toBeLessThan(120);
    vi.advanceTimersByTime(400);
    const before = someone.toldAt.length;
    newsFor(rounds, [someone], 500);
    expect(someone.toldAt.length - before).toBeGreaterThan(90);
  });

  it('one by one below that, however long it lasts', () => {
    const rounds = new Rounds();
    const many = listeners(30);
    newsFor(rounds, many, 1_000);
    expect(many[0]?.toldAt.length).toBeGreaterThanOrEqual(999);
  });
});
