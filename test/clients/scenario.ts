import { describe, expect, it } from 'vitest';
import type {
  AddFriendMutationVariables,
  EndSessionMutationVariables,
  HeartbeatMutation,
  HeartbeatMutationVariables,
  RosterUpdateFieldsFragment,
} from '../../src/client/gql/graphql.ts';
import { Reader } from '../support/reader.ts';

/** What one client library is asked to do, as an application would with it. */
export interface SignedIn {
  heartbeat(variables: HeartbeatMutationVariables): Promise<HeartbeatMutation['heartbeat']>;
  endSession(variables: EndSessionMutationVariables): Promise<void>;
  addFriend(variables: AddFriendMutationVariables): Promise<void>;
  friendsPresence(after: string | null): AsyncIterator<RosterUpdateFieldsFragment>;
  close(): Promise<void>;
}

type Friend = RosterUpdateFieldsFragment['changes'][number];

/** Keeps the roster as a frontend does. */
export class FriendsReader extends Reader<RosterUpdateFieldsFragment> {
  readonly friends = new Map<string, Friend>();

  sees(id: string, status: string): Promise<this> {
    return this.until(`${id} to be ${status}`, () => this.friends.get(id)?.presence?.status === status);
  }

  protected override take(update: RosterUpdateFieldsFragment): void {
    if (update.reset) this.friends.clear();
    for (const friend of update.changes) this.friends.set(friend.id, friend);
    for (const id of update.removed) this.friends.delete(id);
  }
}

/** The day of two friends, seen through one client library: sign in, come, go idle, leave, be away, resume. */
export function clientScenario(library: string, signIn: (token: string) => Promise<SignedIn>): void {
  describe(`${library} uses Rollcall as it is`, () => {
    it('sees a friend come, go idle and leave, and resumes where it stopped', async () => {
      const ada = await signIn('ada');
      const bob = await signIn('bob');
      try {
        await ada.addFriend({ input: { userId: 'bob' } });
        await bob.addFriend({ input: { userId: 'ada' } });

        const beat = await ada.heartbeat({ input: { sessionId: 'ada-tab', client: 'WEB' } });
        expect(beat.nextHeartbeatMs).toBe(30_000);
        expect(beat.session).toMatchObject({ id: 'ada-tab', client: 'WEB', activity: 'ACTIVE' });
        expect(beat.session.lastActiveAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);

        const reader = new FriendsReader(ada.friendsPresence(null));
        await reader.until('the roster', ({ items }) => items.length > 0);
        expect(reader.items[0]).toMatchObject({ reset: true, stale: false, removed: [] });
        expect(reader.friends.get('bob')).toMatchObject({
          isFriend: true,
          presence: { status: 'OFFLINE', since: null },
        });

        await bob.heartbeat({ input: { sessionId: 'bob-phone', client: 'MOBILE' } });
        await reader.sees('bob', 'ONLINE');
        expect(reader.friends.get('bob')?.presence?.clients).toEqual(['MOBILE']);
        await bob.heartbeat({ input: { sessionId: 'bob-phone', client: 'MOBILE', activity: 'IDLE' } });
        await reader.sees('bob', 'AWAY');
        const cursor = reader.items.at(-1)?.cursor ?? '';
        await reader.close();

        await bob.endSession({ input: { sessionId: 'bob-phone' } });
        const resumed = new FriendsReader(ada.friendsPresence(cursor));
        await resumed.sees('bob', 'OFFLINE');
        expect(resumed.items[0]?.reset).toBe(false);
        await resumed.close();
      } finally {
        await ada.close();
        await bob.close();
      }
    });
  });
}
