import type { UserId } from '../../presence/record.ts';
import type { Rollcall, Seen } from '../../service/api.ts';
import type { Builder } from '../builder.ts';
import { requireCaller } from '../context.ts';
import type { UserRef } from './user.ts';
import { loadViewer, type ViewerRef } from './viewer.ts';

type Action = keyof Pick<Rollcall, 'addFriend' | 'removeFriend' | 'blockUser' | 'unblockUser'>;

/** Who is whose friend: the four things that one person can do to another, and what the application's backend can do. */
export function defineFriendMutations(builder: Builder, user: UserRef, viewer: ViewerRef): void {
  const defineAction = (action: Action, name: string, whom: string, description: string): void => {
    const input = builder.inputType(`${name}Input`, {
      description: `Whom to ${whom}.`,
      fields: (t) => ({ userId: t.id({ required: true, description: "The other one's user id, not the viewer's." }) }),
    });
    const payload = builder.objectRef<Seen>(`${name}Payload`).implement({
      description: `What \`${action}\` gives back.`,
      fields: (t) => ({
        user: t.field({
          type: user,
          description: 'The other one, as the viewer sees them now.',
          resolve: (seen) => seen,
        }),
        viewer: t.field({
          type: viewer,
          description: 'The viewer afterwards.',
          resolve: (_seen, _args, context) => loadViewer(context),
        }),
      }),
    });
    builder.mutationField(action, (t) =>
      t.field({
        type: payload,
        description,
        args: { input: t.arg({ type: input, required: true, description: `Whom to ${whom}.` }) },
        resolve: (_root, args, context) => context.rollcall[action](requireCaller(context), args.input.userId),
      }),
    );
  };

  defineAction(
    'addFriend',
    'AddFriend',
    'add',
    'A friend at once if they had added the viewer; else a request, which they find in `friendRequests`. Repeating it ' +
      'changes nothing. LIMIT_EXCEEDED when a list is full.',
  );
  defineAction(
    'removeFriend',
    'RemoveFriend',
    'remove',
    "Ends a friendship for both sides, takes a request back, or declines theirs. Removing somebody who isn't there is no error.",
  );
  defineAction(
    'blockUser',
    'BlockUser',
    'block',
    'Ends a friendship, and keeps the other one from seeing or adding the viewer. To them it looks like being removed.',
  );
  defineAction('unblockUser', 'UnblockUser', 'unblock', 'Takes a block back. It does not bring a friendship back.');
  defineSyncFriends(builder);
}

interface SyncModel {
  readonly userId: UserId;
  readonly added: number;
  readonly removed: number;
}

function defineSyncFriends(builder: Builder): void {
  const input = builder.inputType('SyncFriendsInput', {
    description: "Somebody's whole friend list, as the application knows it.",
    fields: (t) => ({
      userId: t.id({ required: true, description: 'Whose list it is.' }),
      friendIds: t.idList({
        required: true,
        description: 'Ids of all their friends, in any order; an empty list removes them all.',
      }),
    }),
  });
  const payload = builder.objectRef<SyncModel>('SyncFriendsPayload').implement({
    description: 'What `syncFriends` gives back.',
    fields: (t) => ({
      userId: t.exposeID('userId', { description: 'Whose list it is.' }),
      added: t.exposeInt('added', { description: 'How many friends were new.' }),
      removed: t.exposeInt('removed', { description: 'How many are no longer friends.' }),
    }),
  });
  builder.mutationField('syncFriends', (t) =>
    t.field({
      type: payload,
      description:
        "For the application's backend, with the scope `presence:admin`, else FORBIDDEN: makes exactly these people the " +
        "friends of a user, both ways and without anybody's consent. Blocks stay in force.",
      args: { input: t.arg({ type: input, required: true, description: 'The list.' }) },
      resolve: async (_root, args, context) => {
        const { userId, friendIds } = args.input;
        const { added, removed } = await context.rollcall.syncFriends(requireCaller(context), userId, friendIds);
        return { userId, added, removed };
      },
    }),
  );
}
