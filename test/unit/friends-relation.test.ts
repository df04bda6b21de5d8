import { describe, expect, it } from 'vitest';
import { type Pair, type Relate, type Relation, relate } from '../../src/friends/relation.ts';

/** All in which two people can stand to each other, seen from one side. */
const PAIRS: readonly Pair[] = (
  [
    ['none', 'none'],
    ['requested', 'incoming'],
    ['incoming', 'requested'],
    ['friend', 'friend'],
    ['blocked', 'none'],
    ['none', 'blocked'],
    ['blocked', 'requested'],
    ['requested', 'blocked'],
    ['blocked', 'blocked'],
  ] satisfies [Relation, Relation][]
).map(([mine, theirs]) => ({ mine, theirs }));

const CHANGES: readonly Relate[] = ['add', 'remove', 'block', 'unblock', 'befriend'];

const name = ({ mine, theirs }: Pair): string => `${mine}/${theirs}`;

function outcome(pair: Pair, change: Relate): string {
  try {
    return name(relate(pair, change));
  } catch (error) {
    return (error as { code: string }).code;
  }
}

describe('relate', () => {
  it('rules 8.2 to 8.5: every change of every pair', () => {
    const table = PAIRS.map((pair) => [name(pair), ...CHANGES.map((change) => outcome(pair, change))]);
    expect(table).toEqual([
      // pair, add, remove, block, unblock, befriend
      ['none/none', 'requested/incoming', 'none/none', 'blocked/none', 'none/none', 'friend/friend'],
      ['requested/incoming', 'requested/incoming', 'none/none', 'blocked/none', 'requested/incoming', 'friend/friend'],
      ['incoming/requested', 'friend/friend', 'none/none', 'blocked/none', 'incoming/requested', 'friend/friend'],
      ['friend/friend', 'friend/friend', 'none/none', 'blocked/none', 'friend/friend', 'friend/friend'],
      ['blocked/none', 'BAD_USER_INPUT', 'blocked/none', 'blocked/none', 'none/none', 'blocked/none'],
      ['none/blocked', 'requested/blocked', 'none/blocked', 'blocked/blocked', 'none/blocked', 'none/blocked'],
      [
        'blocked/requested',
        'BAD_USER_INPUT',
        ...Array(2).fill('blocked/requested'),
        'incoming/requested',
        'blocked/requested',
      ],
      [
        'requested/blocked',
        'requested/blocked',
        'none/blocked',
        'blocked/blocked',
        ...Array(2).fill('requested/blocked'),
      ],
      ['blocked/blocked', 'BAD_USER_INPUT', ...Array(2).fill('blocked/blocked'), 'none/blocked', 'blocked/blocked'],
    ]);
  });

  it('rule 8.6: leads from no pair to one whose sides contradict each other', () => {
    const known = new Set([...PAIRS.map(name), 'BAD_USER_INPUT']);
    for (const pair of PAIRS) for (const change of CHANGES) expect(known).toContain(outcome(pair, change));
  });

  it('rule 8.4: moves the other side by a block exactly as by a removal', () => {
    for (const pair of PAIRS.filter(({ mine }) => mine !== 'blocked')) {
      expect(relate(pair, 'block').theirs).toBe(relate(pair, 'remove').theirs);
    }
  });

  it('says that nothing changes by returning the same object', () => {
    for (const pair of PAIRS) {
      for (const change of CHANGES) {
        if (outcome(pair, change) === name(pair)) expect(relate(pair, change)).toBe(pair);
      }
    }
  });
});
