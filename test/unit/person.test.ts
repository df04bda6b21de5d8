import { beforeEach, describe, expect, test } from 'vitest';
import { type Audience, EMPTY_RECORD, type PresenceRecord } from '../../src/presence/record.ts';
import { Person, type Watcher } from '../../src/roster/person.ts';

class Viewer implements Watcher {
  readonly viewer: string;
  closed = false;
  told = 0;

  constructor(viewer: string) {
    this.viewer = viewer;
  }

  personChanged(): void {
    this.told += 1;
  }
}

const online = (rev: number): Audience => ({
  ...EMPTY_RECORD.everyone,
  view: { ...EMPTY_RECORD.everyone.view, rev, status: 'ONLINE', since: rev },
});
const at = (rev: number, apart: PresenceRecord['apart'] = {}): PresenceRecord => ({
  ...EMPTY_RECORD,
  rev,
  everyone: online(rev),
  apart,
});

let bob: Person;
let viewers: Viewer[];

function come(count: number): void {
  viewers = Array.from({ length: count }, (_, index) => new Viewer(`viewer-${index}`));
  for (const viewer of viewers) bob.watch(viewer);
}

function told(): number[] {
  return viewers.map((viewer) => viewer.told);
}

beforeEach(() => {
  bob = new Person('bob', 0);
  bob.load(at(100));
});

describe('those who watch somebody', () => {
  test('are told once of each change, whoever has left in whatever way', () => {
    come(40);
    for (const [index, viewer] of viewers.entries()) {
      if (index % 4 === 0) continue;
      viewer.closed = index % 2 === 0;
      bob.unwatch(viewer);
      expect(bob.watched).toBe(true);
    }
    bob.change(at(100), at(200));
    expect(told()).toEqual(viewers.map((_, index) => Number(index % 4 === 0)));
    for (const viewer of viewers.filter((_, index) => index % 4 === 0)) {
      viewer.closed = true;
      bob.unwatch(viewer);
    }
    expect(bob.watched).toBe(false);
  });

  test('are told nothing from the moment on that they close', () => {
    come(2);
    for (const viewer of viewers) viewer.closed = viewer.viewer === 'viewer-0';
    bob.change(at(100), at(200));
    expect(told()).toEqual([0, 1]);
  });

  test('are told again when they come back after they have left', () => {
    come(3);
    const [first] = viewers as [Viewer, Viewer, Viewer];
    bob.unwatch(first);
    bob.change(at(100), at(200));
    bob.watch(first);
    bob.change(at(200), at(300));
    expect(told()).toEqual([1, 2, 2]);
  });

  test('rules 3.4, 7.4: are told only what they themselves are shown', () => {
    come(3);
    const gone = { ...EMPTY_RECORD.everyone, hidden: true };
    const [before, hidden] = [at(100), at(200, { 'viewer-1': gone })];
    // From one of them only.
    bob.change({ ...before, apart: { 'viewer-1': before.everyone } }, { ...hidden, everyone: before.everyone });
    expect(told()).toEqual([0, 1, 0]);
    // All others see more; the one sees what was frozen.
    bob.change(hidden, at(300, { 'viewer-1': gone }));
    expect(told()).toEqual([1, 1, 1]);
    // Something that nobody sees.
    bob.change(at(300), { ...at(300), rev: 400 });
    expect(told()).toEqual([1, 1, 1]);
    expect(bob.record?.rev).toBe(400);
  });
});
