import type { Override } from '../../presence/record.ts';
import type { Builder } from '../builder.ts';
import type { PresenceRefs } from './presence.ts';

export function definePresenceOverride(builder: Builder, { status }: Pick<PresenceRefs, 'status'>) {
  return builder.objectRef<Override>('PresenceOverride').implement({
    description:
      'A status that replaces ONLINE or AWAY, such as do-not-disturb during a meeting. Of several the one with the highest ' +
      'priority counts, the newest among equals. It never makes somebody without a session look present.',
    fields: (t) => ({
      source: t.exposeString('source', {
        description: 'Who set it, such as `user` or `calendar`. A source has one override at most.',
      }),
      status: t.expose('status', { type: status, description: 'The status to show. OFFLINE hides from everyone.' }),
      priority: t.exposeInt('priority', { description: 'The highest counts.' }),
      expiresAt: t.expose('expiresAt', {
        type: 'DateTime',
        nullable: true,
        description: 'When it ends and what lies under it shows again; null when it stays until it is cleared.',
      }),
    }),
  });
}

export type PresenceOverrideRef = ReturnType<typeof definePresenceOverride>;
