import { type Actor, post } from './actors.ts';
import { FRIENDS_QUERY, type Observer, sameShown, shownOf, type WireUser } from './observer.ts';
import type { Shown, Truth } from './truth.ts';

interface Expected {
  readonly status: Shown['status'];
  /** Undefined where it cannot be known. */
  readonly text: string | null | undefined;
}

interface FriendsAnswer {
  readonly viewer: { readonly friends: { readonly nodes: readonly WireUser[] } };
}

/** Where what viewers hold is not what is true. */
export function differencesFromTruth(truth: Truth, actors: readonly Actor[], observers: readonly Observer[]): string[] {
  const differences: string[] = [];
  for (const { userId: viewer, roster, stale } of observers) {
    const expected = expectedBy(viewer, truth, actors);
    if (stale) differences.push(`${viewer} is stale`);
    for (const [friend, { status, text }] of expected) {
      const shown = roster.get(friend);
      if (shown?.status !== status || (text !== undefined && shown.text !== text)) {
        differences.push(`${viewer} has ${friend} as ${JSON.stringify(shown)}, who is ${status} ${text}`);
      }
    }
    for (const friend of roster.keys())
      if (!expected.has(friend)) differences.push(`${viewer} has ${friend}, no friend`);
  }
  return differences;
}

/** Where what viewers hold is not what a fresh query answers, at any node. */
export async function differencesFromQueries(
  observers: readonly Observer[],
  urls: readonly string[],
): Promise<string[]> {
  const all = await Promise.all(
    observers.flatMap((observer) => urls.map((url) => differencesFromQuery(observer, url))),
  );
  return all.flat();
}

function expectedBy(viewer: string, truth: Truth, actors: readonly Actor[]): Map<string, Expected> {
  const expected = new Map<string, Expected>();
  for (const { userId, status, text, unanswered } of actors) {
    if (!truth.friendship(viewer, userId).value) continue;
    const hidden = truth.isHiddenFrom(viewer, userId);
    const sure = !hidden && unanswered === 0;
    expected.set(userId, { status: hidden ? 'OFFLINE' : status, text: sure ? text : undefined });
  }
  return expected;
}

async function differencesFromQuery({ userId, roster }: Observer, url: string): Promise<string[]> {
  let answer: FriendsAnswer;
  try {
    answer = await post<FriendsAnswer>(url, userId, FRIENDS_QUERY);
  } catch (error) {
    return [`a query of ${userId} at ${url} failed: ${String(error)}`];
  }
  const queried = new Map(
    answer.viewer.friends.nodes.map(({ id, presence }) => [id, presence === null ? undefined : shownOf(presence)]),
  );
  return [...new Set([...queried.keys(), ...roster.keys()])]
    .filter((friend) => !sameShown(queried.get(friend), roster.get(friend)))
    .map(
      (friend) =>
        `${userId} has ${friend} as ${JSON.stringify(roster.get(friend))}, a query says ${JSON.stringify(queried.get(friend))}`,
    );
}
