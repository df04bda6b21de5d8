import SchemaBuilder from '@pothos/core';
import type { GraphQLSchema } from 'graphql';
import type { Heartbeat, PresenceService, UserPresence } from './stack-presence.ts';

export interface StackContext {
  readonly userId: string;
  readonly presence: PresenceService;
}

/** What Rollcall's own schema gives a frontend, as far as these measurements ask for it. */
export function buildStackSchema(): GraphQLSchema {
  const builder = new SchemaBuilder<{ Context: StackContext; DefaultFieldNullability: false }>({
    defaultFieldNullability: false,
  });
  const customStatus = builder.objectRef<NonNullable<UserPresence['customStatus']>>('CustomStatus').implement({
    fields: (t) => ({
      text: t.exposeString('text', { nullable: true }),
      emoji: t.exposeString('emoji', { nullable: true }),
      expiresAt: t.exposeString('expiresAt', { nullable: true }),
    }),
  });
  const presence = builder.objectRef<UserPresence>('Presence').implement({
    fields: (t) => ({
      status: t.exposeString('status'),
      since: t.exposeString('since'),
      lastActiveAt: t.exposeString('lastActiveAt'),
      clients: t.exposeStringList('clients'),
      customStatus: t.expose('customStatus', { type: customStatus, nullable: true }),
    }),
  });
  const user = builder.objectRef<UserPresence>('User').implement({
    fields: (t) => ({
      id: t.exposeID('id'),
      isFriend: t.boolean({ resolve: () => true }),
      presence: t.field({ type: presence, resolve: (of) => of }),
    }),
  });
  const session = builder.objectRef<Heartbeat>('Session').implement({
    fields: (t) => ({
      id: t.exposeID('sessionId'),
      client: t.exposeString('client'),
      activity: t.exposeString('activity'),
      lastActiveAt: t.exposeString('lastActiveAt'),
      expiresAt: t.exposeString('expiresAt'),
    }),
  });
  const payload = builder.objectRef<Heartbeat>('HeartbeatPayload').implement({
    fields: (t) => ({
      session: t.field({ type: session, resolve: (of) => of }),
      nextHeartbeatMs: t.exposeInt('nextHeartbeatMs'),
    }),
  });
  const input = builder.inputType('HeartbeatInput', {
    fields: (t) => ({
      sessionId: t.id({ required: true }),
      client: t.string({ required: true }),
      activity: t.string({ required: true }),
    }),
  });
  builder.queryType({
    fields: (t) => ({
      friends: t.field({
        type: [user],
        resolve: (_root, _args, context) => context.presence.roster(context.userId),
      }),
    }),
  });
  builder.mutationType({
    fields: (t) => ({
      heartbeat: t.field({
        type: payload,
        args: { input: t.arg({ type: input, required: true }) },
        resolve: (_root, args, context) => context.presence.heartbeat(context.userId, args.input),
      }),
    }),
  });
  builder.subscriptionType({
    fields: (t) => ({
      friendPresence: t.field({
        type: user,
        subscribe: (_root, _args, context) => context.presence.changes(context.userId),
        resolve: (changed) => changed,
      }),
    }),
  });
  return builder.toSchema();
}
