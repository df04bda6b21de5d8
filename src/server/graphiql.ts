import { renderGraphiQL } from '@graphql-yoga/render-graphiql';
import type { GraphiQLOptions } from 'graphql-yoga';

export { renderGraphiQL };

const COME_ONLINE = `# You are signed in as ada: see "Headers" below. Put in another name to be somebody else.
# Run this again within the time it tells you, or ada goes offline.
mutation ComeOnline {
  heartbeat(input: { sessionId: "graphiql", client: WEB }) {
    nextHeartbeatMs
    viewer {
      id
      presence {
        status
        since
      }
    }
  }
}
`;

const BEFRIEND = `# Friendship needs both sides: run this here as ada, then as bob with
# {"Authorization": "Bearer bob"} below and "ada" above.
mutation Befriend {
  addFriend(input: { userId: "bob" }) {
    user {
      id
      isFriend
    }
  }
}
`;

const WATCH_FRIENDS = `# The roster comes at once; then each change, while it happens.
subscription WatchFriends {
  friendsPresence {
    reset
    changes {
      id
      presence {
        status
        since
        clients
      }
    }
    removed
    cursor
  }
}
`;

const SIGN_IN = `# Sign in under "Headers" below: {"Authorization": "Bearer <token>"}
query Me {
  viewer {
    id
    presence {
      status
      since
    }
  }
}
`;

/**
 * Subscriptions go over Server-Sent Events: in GraphiQL's own WebSocket client what is typed under "Headers" never
 * leaves the page, so a subscription would not be signed in.
 */
export function graphiqlOptions(dev: boolean): GraphiQLOptions {
  const shared = { title: 'Rollcall', subscriptionsProtocol: 'SSE', shouldPersistHeaders: dev } as const;
  if (!dev) return { ...shared, defaultQuery: SIGN_IN };
  const headers = JSON.stringify({ Authorization: 'Bearer ada' }, null, 2);
  return {
    ...shared,
    headers,
    defaultEditorToolsVisibility: 'headers',
    defaultTabs: [COME_ONLINE, BEFRIEND, WATCH_FRIENDS].map((query) => ({ query, headers })),
  };
}
