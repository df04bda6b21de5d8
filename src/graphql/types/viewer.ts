import { byPrecedence } from '../../presence/derive.ts';
import { hiddenFrom, type PresenceRecord, type Session, type UserId } from '../../presence/record.ts';
import type { Builder } from '../builder.ts';
import { type GraphQLContext, requireCaller } from '../context.ts';
import { type ConnectionRefs, pageArguments, toPageArguments } from './connection.ts';
import type { PresenceRefs } from './presence.ts';
import type { PresenceExplanationRef } from './presence-explanation.ts';
import type { PresenceOverrideRef } from './presence-override.ts';
import type { SessionRefs } from './session.ts';

export interface ViewerModel {
  readonly userId: UserId;
  readonly record: PresenceRecord;
}

/** The caller, with their record as it stands now. */
export async function loadViewer(context: GraphQLContext): Promise<ViewerModel> {
  const { userId } = requireCaller(context);
  return { userId, record: await context.rollcall.record(userId) };
}

type Refs = Pick<PresenceRefs, 'status' | 'presence'> &
  Pick<SessionRefs, 'session'> & {
    readonly override: PresenceOverrideRef;
    readonly explanation: PresenceExplanationRef;
    readonly connections: ConnectionRefs;
  };

export function defineViewer(
  builder: Builder,
  { status, presence, session, override, explanation, connections }: Refs,
) {
  return builder.objectRef<ViewerModel>('Viewer').implement({
    description: 'Whoever has signed in: their own state, of which friends see only `presence`.',
    fields: (t) => ({
      id: t.exposeID('userId', { description: "The viewer's user id." }),
      presence: t.field({
        type: presence,
        description: 'What friends are shown, those apart whom the viewer hides from one by one.',
        resolve: ({ record }) => record.everyone.view,
      }),
      sessions: t.field({
        type: [session],
        description: 'Every tab and device that lives now, the one used last first.',
        resolve: ({ record }) => record.sessions.toSorted(byActivity),
      }),
      overrides: t.field({
        type: [override],
        description: 'All overrides that stand, the highest priority first, the newest first among equals.',
        resolve: ({ record }) => byPrecedence(record.overrides),
      }),
      invisible: t.boolean({
        description: 'Whether the viewer is shown as OFFLINE to everyone.',
        resolve: ({ record }) => record.everyone.hidden,
      }),
      hiddenFrom: t.idList({
        description: 'Ids of the people to whom alone the viewer is shown as OFFLINE, sorted.',
        resolve: ({ record }) => hiddenFrom(record),
      }),
      explanation: t.field({
        type: explanation,
        description: 'Why the viewer is shown as they are, and what happens next.',
        resolve: ({ record }, _args, { rollcall }) => rollcall.explain(record),
      }),
      friends: t.field({
        type: connections.friends,
        description: "The viewer's friends, in pages.",
        args: {
          ...pageArguments(t.arg),
          statuses: t.arg({
            type: [status],
            description: 'Only friends who are shown with one of these. Left out or null: all of them.',
          }),
        },
        resolve: ({ userId }, args, { rollcall }) =>
          rollcall.friends(userId, toPageArguments(args), args.statuses ?? null),
      }),
      friendRequests: t.field({
        type: connections.users,
        description: 'People who have added the viewer and wait for an answer; `addFriend` accepts.',
        args: pageArguments(t.arg),
        resolve: ({ userId }, args, { rollcall }) => rollcall.friendRequests(userId, toPageArguments(args)),
      }),
      blocked: t.field({
        type: connections.users,
        description: 'People whom the viewer has blocked. They cannot tell.',
        args: pageArguments(t.arg),
        resolve: ({ userId }, args, { rollcall }) => rollcall.blocked(userId, toPageArguments(args)),
      }),
    }),
  });
}

export type ViewerRef = ReturnType<typeof defineViewer>;

function byActivity(a: Session, b: Session): number {
  return b.lastActiveAt - a.lastActiveAt || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
}
