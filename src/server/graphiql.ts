import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { GraphiQLOptions } from 'graphql-yoga';
import { pageHeaders } from './security-headers.ts';

export interface Page {
  readonly html: Buffer;
  /** Those of the answer that are not as everywhere else. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Made when it is asked for the first time: it has nine megabytes. */
export type GraphiQLPage = () => Promise<Page>;

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
function graphiqlOptions(dev: boolean): GraphiQLOptions {
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

export function createGraphiQLPage(dev: boolean): GraphiQLPage {
  let page: Promise<Page> | null = null;
  return () => {
    page ??= makePage(dev);
    return page;
  };
}

export function wantsPage({ method, headers }: IncomingMessage): boolean {
  return method === 'GET' && (headers.accept?.includes('text/html') ?? false);
}

export function sendPage({ html, headers }: Page, response: ServerResponse): void {
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  response.end(html);
}

async function makePage(dev: boolean): Promise<Page> {
  const { renderGraphiQL } = await import('@graphql-yoga/render-graphiql');
  const html = renderGraphiQL(graphiqlOptions(dev));
  // All of its code is in one element, which lets its hash stand for it: nothing else runs in the page.
  const script = html.slice(html.indexOf('<script>') + '<script>'.length, html.lastIndexOf('</script>'));
  const hash = createHash('sha256').update(script).digest('base64');
  return {
    html: Buffer.from(html),
    headers: { 'content-type': 'text/html; charset=utf-8', ...pageHeaders([`'sha256-${hash}'`]) },
  };
}
