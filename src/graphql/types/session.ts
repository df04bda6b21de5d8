import type { Activity, Session } from '../../presence/record.ts';
import type { Builder } from '../builder.ts';
import type { PresenceRefs } from './presence.ts';

export function defineSession(builder: Builder, { clientKind }: Pick<PresenceRefs, 'clientKind'>) {
  const activity = builder.enumType('Activity', {
    description: 'Whether the person uses the client right now.',
    values: {
      ACTIVE: { description: 'There was input lately. Turns into IDLE by itself (after 5 minutes by default).' },
      IDLE: { description: 'The client runs, but the person does not use it.' },
    } satisfies Record<Activity, { description: string }>,
  });

  const session = builder.objectRef<Session>('Session').implement({
    description:
      'One tab or device of the viewer. It lives by heartbeats, or by an open connection that it is bound to.',
    fields: (t) => ({
      id: t.exposeID('id', { description: 'As the client named it in its heartbeats.' }),
      client: t.expose('client', { type: clientKind, description: 'What kind of client it runs in.' }),
      activity: t.expose('activity', { type: activity, description: 'Whether it is being used right now.' }),
      lastActiveAt: t.expose('lastActiveAt', {
        type: 'DateTime',
        description: 'When it last reported activity.',
      }),
      expiresAt: t.expose('expiresAt', {
        type: 'DateTime',
        nullable: true,
        description: 'When it ends unless another heartbeat comes. Null while it is bound to an open connection.',
      }),
    }),
  });

  return { activity, session };
}

export type SessionRefs = ReturnType<typeof defineSession>;
