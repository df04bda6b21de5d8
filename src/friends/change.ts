import { badInput, limitExceeded } from '../errors.ts';
import type { UserId } from '../presence/record.ts';
import { type FriendEntry, MAX_FRIENDS } from './port.ts';
import { type Pair, type Relate, relate } from './relation.ts';

/** What somebody wants of one pair. */
export interface Wish {
  readonly userId: UserId;
  readonly other: UserId;
  readonly change: Relate;
}

/** What a wish means for the pair as it stands; `after` is `before` itself when there is nothing to do. */
export interface PlannedChange extends Wish {
  readonly before: Pair;
  readonly after: Pair;
  /** Whether the list of each side must have room for one more line. */
  readonly needsRoom: { readonly mine: boolean; readonly theirs: boolean };
}

export function isChange({ before, after }: PlannedChange): boolean {
  return before !== after;
}

/** Throws BAD_USER_INPUT where `relate` does. */
export function plan(wish: Wish, before: Pair): PlannedChange {
  const after = relate(before, wish.change);
  // A request that a block swallows asks for room as any other does: else a full list would give the block away.
  const swallowed = wish.change === 'add' && after.mine === 'requested' && before.mine === 'none';
  const needsRoom = {
    mine: before.mine === 'none' && after.mine !== 'none',
    theirs: swallowed || (before.theirs === 'none' && after.theirs !== 'none'),
  };
  return { ...wish, before, after, needsRoom };
}

/** The lines that changes ask of one list, and those that they free. */
export interface Demand {
  needed: number;
  freed: number;
}

/** What all of `changes` together ask of each list that they touch. */
export function demands(changes: readonly PlannedChange[]): Map<UserId, Demand> {
  const all = new Map<UserId, Demand>();
  const note = (userId: UserId, needed: boolean, freed: boolean): void => {
    if (!needed && !freed) return;
    const demand = all.get(userId) ?? { needed: 0, freed: 0 };
    if (needed) demand.needed++;
    if (freed) demand.freed++;
    all.set(userId, demand);
  };
  for (const { userId, other, before, after, needsRoom } of changes) {
    note(userId, needsRoom.mine, before.mine !== 'none' && after.mine === 'none');
    note(other, needsRoom.theirs, before.theirs !== 'none' && after.theirs === 'none');
  }
  return all;
}

/** Throws LIMIT_EXCEEDED when a list of `held` lines has no room for what is asked of it. */
export function mustFit(userId: UserId, held: number, { needed, freed }: Demand): void {
  if (needed > 0 && held - freed + needed > MAX_FRIENDS) throw listFull(userId);
}

export function listFull(userId: UserId): Error {
  return limitExceeded(
    `The list of ${JSON.stringify(userId)} is full: it may hold ${MAX_FRIENDS} friends, requests and blocked people.`,
  );
}

/** What turns the list `entries` of `userId` into exactly `friendIds`. Removals come first: they make room. */
export function wishesOfSync(
  userId: UserId,
  entries: Iterable<Pick<FriendEntry, 'id' | 'relation'>>,
  friendIds: readonly UserId[],
): Wish[] {
  const wanted = new Set(friendIds);
  for (const other of wanted) mustBePair(userId, other, 'friendIds');
  const wishes: Wish[] = [];
  for (const { id, relation } of entries) {
    if (relation === 'friend' && !wanted.delete(id)) wishes.push({ userId, other: id, change: 'remove' });
  }
  for (const other of wanted) wishes.push({ userId, other, change: 'befriend' });
  return wishes;
}

/** One wish for each different pair, whichever way round and however often it is named. */
export function wishesOfPairs(pairs: readonly (readonly [UserId, UserId])[]): Wish[] {
  const seen = new Map<UserId, Set<UserId>>();
  const wishes: Wish[] = [];
  for (const [a, b] of pairs) {
    mustBePair(a, b, 'pairs');
    const [low, high] = a < b ? [a, b] : [b, a];
    const partners = seen.get(low) ?? new Set();
    if (partners.has(high)) continue;
    seen.set(low, partners.add(high));
    wishes.push({ userId: a, other: b, change: 'befriend' });
  }
  return wishes;
}

/** Throws BAD_USER_INPUT, about `argument`, unless the two can be a pair. */
export function mustBePair(userId: UserId, other: UserId, argument: string): void {
  if (userId === other) throw badInput(argument, 'Nobody can be their own friend.');
  if (!isUserId(userId) || !isUserId(other)) {
    throw badInput(argument, 'A user id must be well-formed Unicode and not empty.');
  }
}

/** Engines keep ids verbatim, as UTF-8, in which half a surrogate pair would turn into another id. */
export function isUserId(id: string): boolean {
  return id !== '' && !LONE_SURROGATE.test(id);
}

const LONE_SURROGATE = /\p{Surrogate}/u;
