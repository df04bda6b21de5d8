import type { GraphQLSchema } from 'graphql';
import { createBuilder } from './builder.ts';
import { defineConnections } from './types/connection.ts';
import { defineDateTime } from './types/date-time.ts';
import { defineFriendMutations } from './types/friend-mutations.ts';
import { definePresence } from './types/presence.ts';
import { definePresenceExplanation } from './types/presence-explanation.ts';
import { definePresenceOverride } from './types/presence-override.ts';
import { defineQuery } from './types/query.ts';
import { defineRosterUpdate } from './types/roster-update.ts';
import { defineSession } from './types/session.ts';
import { defineSessionMutations } from './types/session-mutations.ts';
import { defineStatusMutations } from './types/status-mutations.ts';
import { defineSubscription } from './types/subscription.ts';
import { defineUser } from './types/user.ts';
import { defineViewer } from './types/viewer.ts';

/** The executable schema. Each call builds another one; build it once and hand it around. */
export function buildSchema(): GraphQLSchema {
  const builder = createBuilder();
  defineDateTime(builder);
  const presence = definePresence(builder);
  const user = defineUser(builder, presence);
  const session = defineSession(builder, presence);
  const override = definePresenceOverride(builder, presence);
  const explanation = definePresenceExplanation(builder, { ...presence, ...session, override });
  const connections = defineConnections(builder, user);
  const viewer = defineViewer(builder, { ...presence, ...session, override, explanation, connections });

  defineQuery(builder, user, viewer);
  builder.mutationType({
    description:
      'What a signed-in viewer can do; without one everything here is UNAUTHENTICATED. Repeating a mutation is harmless. ' +
      'After UNAVAILABLE try again.',
  });
  defineSessionMutations(builder, { ...presence, ...session, viewer });
  defineStatusMutations(builder, { ...presence, viewer });
  defineFriendMutations(builder, user, viewer);
  defineSubscription(builder, defineRosterUpdate(builder, user), viewer);

  return builder.toSchema();
}
