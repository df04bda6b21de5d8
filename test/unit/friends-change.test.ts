import { describe, expect, it } from 'vitest';
import { demands, mustFit, plan, wishesOfPairs, wishesOfSync } from '../../src/friends/change.ts';
import { MAX_FRIENDS } from '../../src/friends/port.ts';
import type { Pair, Relate } from '../../src/friends/relation.ts';

const UNRELATED: Pair = { mine: 'none', theirs: 'none' };
const FRIENDS: Pair = { mine: 'friend', theirs: 'friend' };

function planned(change: Relate, before: Pair) {
  return plan({ userId: 'a', other: 'b', change }, before);
}

describe('room', () => {
  it.each<[Relate, Pair, boolean, boolean]>([
    ['add', UNRELATED, true, true],
    ['add', { mine: 'incoming', theirs: 'requested' }, false, false],
    ['add', FRIENDS, false, false],
    ['befriend', UNRELATED, true, true],
    ['befriend', { mine: 'none', theirs: 'blocked' }, false, false],
    ['block', UNRELATED, true, false],
    ['block', FRIENDS, false, false],
    ['unblock', { mine: 'blocked', theirs: 'requested' }, false, false],
    ['remove', FRIENDS, false, false],
  ])('rule 8.11: %s needs it where it makes a line: %o', (change, before, mine, theirs) => {
    expect(planned(change, before).needsRoom).toEqual({ mine, theirs });
  });

  it('rules 8.4 and 8.11: a request asks for it alike, whether or not a block will swallow it', () => {
    expect(planned('add', { mine: 'none', theirs: 'blocked' }).needsRoom).toEqual(planned('add', UNRELATED).needsRoom);
  });

  it('rule 8.11: what leaves a list makes room for what comes', () => {
    const changes = [planned('remove', FRIENDS), plan({ userId: 'a', other: 'c', change: 'befriend' }, UNRELATED)];
    const demand = demands(changes).get('a') ?? { needed: 0, freed: 0 };
    expect(demand).toEqual({ needed: 1, freed: 1 });
    expect(() => mustFit('a', MAX_FRIENDS, demand)).not.toThrow();
    expect(() => mustFit('a', MAX_FRIENDS + 1, demand)).toThrow(/"a" is full/);
  });

  it('rule 8.11: an overfull list can still lose', () => {
    expect(() => mustFit('a', MAX_FRIENDS + 5, { needed: 0, freed: 1 })).not.toThrow();
  });
});

describe('wishes', () => {
  it('rule 8.5: a list is replaced by what differs, removals first', () => {
    const entries = [
      { id: 'gone', relation: 'friend' },
      { id: 'kept', relation: 'friend' },
      { id: 'asking', relation: 'incoming' },
      { id: 'hated', relation: 'blocked' },
    ] as const;
    const wishes = wishesOfSync('me', entries, ['new', 'kept', 'new', 'hated']);
    expect(wishes.map(({ other, change }) => [other, change])).toEqual([
      ['gone', 'remove'],
      ['new', 'befriend'],
      ['hated', 'befriend'],
    ]);
  });

  it('name each pair once, whichever way round it is given', () => {
    const wishes = wishesOfPairs([
      ['a', 'b'],
      ['b', 'a'],
      ['a b', 'c'],
      ['a', 'b c'],
      ['a', 'b'],
    ]);
    expect(wishes.map(({ userId, other }) => [userId, other])).toEqual([
      ['a', 'b'],
      ['a b', 'c'],
      ['a', 'b c'],
    ]);
  });
});
