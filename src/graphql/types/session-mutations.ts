import { MAX_SESSIONS } from '../../presence/rules.ts';
import { type HeartbeatResult, MAX_ID_LENGTH } from '../../service/api.ts';
import type { Builder } from '../builder.ts';
import { requireCaller } from '../context.ts';
import type { PresenceRefs } from './presence.ts';
import type { SessionRefs } from './session.ts';
import type { ViewerModel, ViewerRef } from './viewer.ts';
import { defineViewerPayload, viewerModel } from './viewer-payload.ts';

type HeartbeatModel = Pick<HeartbeatResult, 'session' | 'nextHeartbeatMs'> & { readonly viewer: ViewerModel };

const DEFAULT_CLIENT = 'OTHER';
const DEFAULT_ACTIVITY = 'ACTIVE';

/** Coming, staying and going. */
export function defineSessionMutations(
  builder: Builder,
  { clientKind, activity, session, viewer }: Pick<PresenceRefs, 'clientKind'> & SessionRefs & { viewer: ViewerRef },
): void {
  const heartbeatInput = builder.inputType('HeartbeatInput', {
    description: 'A session says that it lives.',
    fields: (t) => ({
      sessionId: t.id({
        required: true,
        description:
          'Made by the client: one per tab or device, 1 to ' +
          `${MAX_ID_LENGTH} characters, the same for as long as it lives and across reconnects.`,
      }),
      client: t.field({ type: clientKind, defaultValue: DEFAULT_CLIENT, description: 'What kind of client this is.' }),
      activity: t.field({
        type: activity,
        defaultValue: DEFAULT_ACTIVITY,
        description: 'Whether the person uses this client right now.',
      }),
      bindToConnection: t.boolean({
        defaultValue: false,
        description:
          'Over WebSocket: the open connection keeps the session alive from now on, and no further heartbeats are ' +
          'needed but to report activity. When the connection is lost, the session lives on for a short grace (10 ' +
          'seconds by default), so that a reconnect goes unnoticed. Over HTTP nothing can be bound: `nextHeartbeatMs` ' +
          'then says when to come again.',
      }),
    }),
  });
  const heartbeatPayload = builder.objectRef<HeartbeatModel>('HeartbeatPayload').implement({
    description: 'What `heartbeat` gives back.',
    fields: (t) => ({
      session: t.expose('session', { type: session, description: 'The session as it stands now.' }),
      viewer: t.expose('viewer', { type: viewer, description: 'The viewer afterwards.' }),
      nextHeartbeatMs: t.exposeInt('nextHeartbeatMs', {
        nullable: true,
        description:
          'Send the next heartbeat after this many milliseconds. Null when the session is bound to the connection.',
      }),
    }),
  });

  const endSessionInput = builder.inputType('EndSessionInput', {
    description: 'A session says goodbye.',
    fields: (t) => ({
      sessionId: t.id({ required: true, description: 'The id that its heartbeats had.' }),
    }),
  });
  const endSessionPayload = defineViewerPayload(builder, 'EndSessionPayload', 'endSession', viewer);

  builder.mutationFields((t) => ({
    heartbeat: t.field({
      type: heartbeatPayload,
      description:
        'Starts a session or keeps it alive. Friends are told only when something changes that they can see. ' +
        `LIMIT_EXCEEDED beyond ${MAX_SESSIONS} sessions at once.`,
      args: { input: t.arg({ type: heartbeatInput, required: true, description: 'The session.' }) },
      resolve: async (_root, { input }, context) => {
        const caller = requireCaller(context);
        const { session, record, nextHeartbeatMs } = await context.rollcall.heartbeat(caller, {
          sessionId: input.sessionId,
          client: input.client ?? DEFAULT_CLIENT,
          activity: input.activity ?? DEFAULT_ACTIVITY,
          bindToConnection: input.bindToConnection ?? false,
        });
        return { session, viewer: { userId: caller.userId, record }, nextHeartbeatMs };
      },
    }),
    endSession: t.field({
      type: endSessionPayload,
      description: 'Ends a session at once, as on signing out. One that has ended already is no error.',
      args: { input: t.arg({ type: endSessionInput, required: true, description: 'The session.' }) },
      resolve: (_root, { input }, context) => {
        const caller = requireCaller(context);
        return viewerModel(caller.userId, context.rollcall.endSession(caller, input.sessionId));
      },
    }),
  }));
}
