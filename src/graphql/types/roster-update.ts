import type { RosterUpdate } from '../../roster/update.ts';
import type { Builder } from '../builder.ts';
import type { UserRef } from './user.ts';

export function defineRosterUpdate(builder: Builder, user: UserRef) {
  return builder.objectRef<RosterUpdate>('RosterUpdate').implement({
    description:
      'What changed since the update before. A client that was slow or away gets the newest state, not every step on the ' +
      'way to it; of one friend it never goes back in time.',
    fields: (t) => ({
      reset: t.exposeBoolean('reset', {
        description: 'True: `changes` is the whole roster; forget what you held. False: apply on top of it.',
      }),
      changes: t.field({
        type: [user],
        description: 'The newest state of each friend that changed, at most one entry a friend.',
        resolve: ({ changes }) => changes.map(({ id, view }) => ({ id, isFriend: true, view })),
      }),
      removed: t.exposeIDList('removed', {
        description: 'Ids of those who are no longer on the roster: unfriended or blocked, by either side.',
      }),
      cursor: t.exposeString('cursor', {
        description:
          'Hand it to `after` of the same subscription to go on from here, on any server. One that is too old or unknown ' +
          'gives `reset: true`.',
      }),
      stale: t.exposeBoolean('stale', {
        description:
          'True while the server has lost its store and may be behind. Keep showing what you hold; an update with false ' +
          'follows by itself.',
      }),
    }),
  });
}

export type RosterUpdateRef = ReturnType<typeof defineRosterUpdate>;
