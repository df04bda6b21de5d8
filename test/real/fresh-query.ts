import { PRESENCE, post, shownOf, type WirePresence } from './graphql.ts';
import type { Offline, Shown } from './offline.ts';
import type { RosterStream } from './roster-stream.ts';

const FRIENDS = `{ viewer { friends(first: 500) { nodes { id ${PRESENCE} } onlineCount totalCount } } }`;

interface FriendsAnswer {
  readonly viewer: {
    readonly friends: {
      readonly nodes: readonly { readonly id: string; readonly presence: WirePresence | null }[];
      readonly onlineCount: number;
      readonly totalCount: number;
    };
  };
}

/** What a query says at this moment of all friends of a viewer. */
export interface Answer {
  readonly friends: ReadonlyMap<string, Shown>;
  readonly nodes: number;
  readonly onlineCount: number;
  readonly totalCount: number;
}

export async function queryFriends(url: string, viewer: string): Promise<Answer> {
  const { nodes, onlineCount, totalCount } = (await post<FriendsAnswer>(url, viewer, FRIENDS)).viewer.friends;
  const friends = new Map<string, Shown>();
  for (const { id, presence } of nodes) if (presence !== null) friends.set(id, shownOf(presence));
  return { friends, nodes: nodes.length, onlineCount, totalCount };
}

/** Where a fresh answer differs from what the same viewer's stream has accumulated or from what is expected at `now`. */
export function faultsOf(answer: Answer, stream: RosterStream, offline: Offline, now: number): string[] {
  const faults: string[] = [];
  const fault = (friend: string | null, what: string): void => {
    faults.push(`viewer ${stream.viewer}${friend === null ? '' : `, friend ${friend}`}: ${what}`);
  };
  let online = 0;
  for (const [friend, streamed] of stream.roster) {
    if (offline.status(friend, now) === 'ONLINE') online++;
    const queried = answer.friends.get(friend);
    if (queried === undefined) {
      fault(friend, 'on the stream, not in a fresh query');
      continue;
    }
    const wrong = offline.fault(friend, queried, now);
    if (wrong !== null) fault(friend, `a fresh query: ${wrong}`);
    for (const key of ['status', 'since', 'lastActiveAt'] as const) {
      if (queried[key] !== streamed[key]) fault(friend, `${key}: stream ${streamed[key]}, fresh query ${queried[key]}`);
    }
  }
  const counts = [
    ['nodes', answer.nodes, stream.roster.size],
    ['totalCount', answer.totalCount, stream.roster.size],
    ['onlineCount', answer.onlineCount, online],
  ] as const;
  for (const [name, seen, expected] of counts) {
    if (seen !== expected) fault(null, `${name}: expected ${expected}, a fresh query says ${seen}`);
  }
  return faults;
}
