import { MAX_ID_LENGTH, MAX_IDS } from '../../service/api.ts';
import type { Builder } from '../builder.ts';
import { requireCaller } from '../context.ts';
import { seeUser } from '../user-batch.ts';
import type { UserRef } from './user.ts';
import { loadViewer, type ViewerRef } from './viewer.ts';

export function defineQuery(builder: Builder, user: UserRef, viewer: ViewerRef): void {
  builder.queryType({
    description: 'What is so now. Everything here needs a signed-in viewer, else UNAUTHENTICATED.',
    fields: (t) => ({
      viewer: t.field({
        type: viewer,
        description: 'Whoever has signed in.',
        resolve: (_root, _args, context) => loadViewer(context),
      }),
      user: t.field({
        type: user,
        description:
          'Anybody, as the viewer may see them. Never an error for somebody unknown: they look like a stranger.',
        args: {
          id: t.arg.id({ required: true, description: `A user id of 1 to ${MAX_ID_LENGTH} characters.` }),
        },
        resolve: (_root, { id }, context) => seeUser(context, id),
      }),
      users: t.field({
        type: [user],
        description: 'Several users at once, in the order of `ids`.',
        args: {
          ids: t.arg.idList({
            required: true,
            description: `User ids, at most ${MAX_IDS}; more are refused with BAD_USER_INPUT.`,
          }),
        },
        resolve: (_root, { ids }, context) => context.rollcall.see(requireCaller(context).userId, ids),
      }),
    }),
  });
}
