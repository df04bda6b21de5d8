import type { ClientKind, CustomStatus, PresenceStatus, View } from '../../presence/record.ts';
import type { Builder } from '../builder.ts';

type Described<Value extends string> = Readonly<Record<Value, { description: string }>>;

export function definePresence(builder: Builder) {
  const status = builder.enumType('PresenceStatus', {
    description: 'Whether somebody is here.',
    values: {
      ONLINE: { description: 'At least one session is active.' },
      AWAY: { description: 'There are sessions, but none has been active for a while (5 minutes by default).' },
      DO_NOT_DISTURB: { description: 'Here, and asks not to be interrupted. Only an override sets this.' },
      OFFLINE: { description: 'No session lives, or the person does not wish to be seen. The two look the same.' },
    } satisfies Described<PresenceStatus>,
  });

  const clientKind = builder.enumType('ClientKind', {
    description: 'What kind of client a session runs in.',
    values: {
      WEB: { description: 'A browser.' },
      DESKTOP: { description: 'An application on a computer.' },
      MOBILE: { description: 'A phone or tablet.' },
      OTHER: { description: 'Anything else, and whatever did not say.' },
    } satisfies Described<ClientKind>,
  });

  const customStatus = builder.objectRef<CustomStatus>('CustomStatus').implement({
    description: 'A few words or an emoji that somebody shows beside their status. At least one of the two is set.',
    fields: (t) => ({
      text: t.exposeString('text', { nullable: true, description: 'The words, or null when there are none.' }),
      emoji: t.exposeString('emoji', { nullable: true, description: 'The emoji, or null when there is none.' }),
      expiresAt: t.expose('expiresAt', {
        type: 'DateTime',
        nullable: true,
        description: 'When it clears itself; null when it stays until it is changed.',
      }),
    }),
  });

  const presence = builder.objectRef<View>('Presence').implement({
    description:
      'What a viewer may know of somebody at this moment. Somebody who hides from the viewer looks, in every field, ' +
      'like somebody who went offline at the moment of hiding.',
    fields: (t) => ({
      status: t.expose('status', { type: status, description: 'Whether they are here.' }),
      since: t.expose('since', {
        type: 'DateTime',
        nullable: true,
        description: 'When `status` last changed, as far as the viewer may know. Null when never seen.',
      }),
      lastActiveAt: t.expose('lastActiveAt', {
        type: 'DateTime',
        nullable: true,
        description:
          'The last activity known when anything else in this presence last changed, so that mere activity makes no ' +
          'traffic. Null when never seen.',
      }),
      clients: t.expose('clients', {
        type: [clientKind],
        description: 'Kinds of client online now: each once, in alphabetical order. Empty when OFFLINE.',
      }),
      customStatus: t.expose('customStatus', {
        type: customStatus,
        nullable: true,
        description: 'What they show beside their status, or null.',
      }),
    }),
  });

  return { status, clientKind, customStatus, presence };
}

export type PresenceRefs = ReturnType<typeof definePresence>;
