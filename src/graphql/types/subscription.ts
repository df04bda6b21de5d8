import type { RosterOptions, UpdateFeed } from '../../roster/update.ts';
import { MAX_COALESCE_MS, MAX_IDS } from '../../service/api.ts';
import type { Builder } from '../builder.ts';
import { type GraphQLContext, requireCaller } from '../context.ts';
import type { RosterUpdateRef } from './roster-update.ts';
import type { ViewerRef } from './viewer.ts';

/** No frame waits for another. */
const NO_COALESCING = 0;

export function defineSubscription(builder: Builder, rosterUpdate: RosterUpdateRef, viewer: ViewerRef): void {
  builder.subscriptionType({
    description:
      'What changes, from the moment of subscribing. The first event comes at once. Needs a signed-in viewer, else ' +
      'UNAUTHENTICATED. Slow readers get the newest state late; they are not cut off.',
    fields: (t) => {
      const streamArguments = {
        after: t.arg.string({
          description:
            'The `cursor` of the last update that was received: the first event then holds only what changed since.',
        }),
        coalesceMs: t.arg.int({
          defaultValue: NO_COALESCING,
          description:
            `No two updates closer together than this many milliseconds, 0 to ${MAX_COALESCE_MS}: changes meanwhile come ` +
            'together in one.',
        }),
      };
      return {
        friendsPresence: t.field({
          type: rosterUpdate,
          description:
            "All of the viewer's friends. First event: the whole roster, or what changed since `after`. Friends who are " +
            'won or lost later come and go by themselves.',
          args: streamArguments,
          subscribe: (_root, args, context) => watch(context, null, args),
          resolve: (update) => update,
        }),
        presence: t.field({
          type: rosterUpdate,
          description:
            'Only these people: the ones on screen. Who is not a friend is left out, and comes in on becoming one.',
          args: {
            userIds: t.arg.idList({ required: true, description: `User ids, at most ${MAX_IDS}.` }),
            ...streamArguments,
          },
          subscribe: (_root, args, context) => watch(context, new Set(args.userIds), args),
          resolve: (update) => update,
        }),
        viewer: t.field({
          type: viewer,
          description: "The viewer's own state, in step on all of their devices. First event: as it is now.",
          subscribe: (_root, _args, context) => context.rollcall.watchViewer(requireCaller(context).userId),
          resolve: (record, _args, context) => ({ userId: requireCaller(context).userId, record }),
        }),
      };
    },
  });
}

interface StreamArguments {
  readonly after?: string | null | undefined;
  readonly coalesceMs?: number | null | undefined;
}

/** An explicit null asks for the default, as leaving it out does. */
async function watch(context: GraphQLContext, only: RosterOptions['only'], args: StreamArguments): Promise<UpdateFeed> {
  const { userId } = requireCaller(context);
  const options = { only, after: args.after ?? null, coalesceMs: args.coalesceMs ?? NO_COALESCING };
  return await context.rollcall.watchRoster(userId, options);
}
