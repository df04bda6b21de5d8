import { badInput } from '../errors.ts';

/** How one user stands to another, from the first one's side. */
export type Relation =
  | 'none'
  /** Added the other one and waits. */
  | 'requested'
  /** Was added by the other one, who waits. */
  | 'incoming'
  | 'friend'
  | 'blocked';

/** Both sides of a pair; they are always read and written together. */
export interface Pair {
  readonly mine: Relation;
  readonly theirs: Relation;
}

export type Relate = 'add' | 'remove' | 'block' | 'unblock' | 'befriend';

/**
 * Rule 8 as one table. Pure. Returns the same object when nothing changes. The side that was blocked moves exactly as
 * if the other one had only removed it, so a block cannot be noticed.
 */
export function relate(pair: Pair, change: Relate): Pair {
  const { mine, theirs } = pair;
  switch (change) {
    case 'add':
      if (mine === 'blocked') throw badInput('userId', 'Unblock this user before adding them as a friend.');
      if (mine === 'incoming') return { mine: 'friend', theirs: 'friend' };
      if (mine === 'none') return { mine: 'requested', theirs: theirs === 'blocked' ? 'blocked' : 'incoming' };
      return pair;
    case 'remove':
      if (mine === 'none' || mine === 'blocked') return pair;
      return { mine: 'none', theirs: theirs === 'blocked' ? 'blocked' : 'none' };
    case 'block':
      if (mine === 'blocked') return pair;
      return { mine: 'blocked', theirs: theirs === 'blocked' ? 'blocked' : 'none' };
    case 'unblock':
      if (mine !== 'blocked') return pair;
      return { mine: theirs === 'requested' ? 'incoming' : 'none', theirs };
    case 'befriend':
      if (mine === 'blocked' || theirs === 'blocked' || mine === 'friend') return pair;
      return { mine: 'friend', theirs: 'friend' };
    default:
      return change satisfies never;
  }
}
