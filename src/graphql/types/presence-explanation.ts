import type { Explanation, PresenceReason } from '../../presence/explain.ts';
import type { Builder } from '../builder.ts';
import type { PresenceRefs } from './presence.ts';
import type { PresenceOverrideRef } from './presence-override.ts';
import type { SessionRefs } from './session.ts';

type Refs = Pick<PresenceRefs, 'status'> & Pick<SessionRefs, 'session'> & { readonly override: PresenceOverrideRef };

export function definePresenceExplanation(builder: Builder, { status, session, override }: Refs) {
  const reason = builder.enumType('PresenceReason', {
    description: 'What decides how the viewer is shown.',
    values: {
      INVISIBLE: { description: 'The viewer has made themselves invisible to everyone.' },
      OVERRIDE: { description: 'An override; see `override`.' },
      ACTIVE_SESSION: { description: 'A session in use; see `session`.' },
      IDLE_SESSIONS: { description: 'There are sessions, none of them in use; `session` is the last that was.' },
      NO_SESSION: { description: 'No session lives.' },
    } satisfies Record<PresenceReason, { description: string }>,
  });

  return builder.objectRef<Explanation>('PresenceExplanation').implement({
    description: 'Why the viewer is shown as they are, and what happens next if nobody does anything.',
    fields: (t) => ({
      status: t.expose('status', { type: status, description: 'What friends are shown.' }),
      reason: t.expose('reason', { type: reason, description: 'What decides it.' }),
      session: t.expose('session', {
        type: session,
        nullable: true,
        description: 'The session that speaks for the viewer: the one used last. Null when none lives.',
      }),
      override: t.expose('override', {
        type: override,
        nullable: true,
        description: 'The override that counts. Null when there is none, or no session for it to change.',
      }),
      nextStatus: t.expose('nextStatus', {
        type: status,
        nullable: true,
        description: 'The status that comes next if nothing happens; null when this one stays.',
      }),
      nextTransitionAt: t.expose('nextTransitionAt', {
        type: 'DateTime',
        nullable: true,
        description: 'When `nextStatus` comes; null when this status stays.',
      }),
    }),
  });
}

export type PresenceExplanationRef = ReturnType<typeof definePresenceExplanation>;
