import type { Seen } from '../../service/api.ts';
import type { Builder } from '../builder.ts';
import type { PresenceRefs } from './presence.ts';

/** Backed by what the viewer may know, loaded already: resolving its fields loads nothing. */
export function defineUser(builder: Builder, { presence }: Pick<PresenceRefs, 'presence'>) {
  return builder.objectRef<Seen>('User').implement({
    description:
      'Somebody, as the viewer may see them. Caches can key it by type and `id`: what a subscription tells of a user ' +
      'updates every place that shows them. Any id names a user, also one that was never seen.',
    fields: (t) => ({
      id: t.exposeID('id', { description: "The application's own user id, verbatim." }),
      presence: t.expose('view', {
        type: presence,
        nullable: true,
        description: 'Null where the viewer may not know: not a friend, or blocked. Never null for a friend.',
      }),
      isFriend: t.exposeBoolean('isFriend', {
        description: 'Whether the viewer and this user are friends: both have added each other.',
      }),
    }),
  });
}

export type UserRef = ReturnType<typeof defineUser>;
