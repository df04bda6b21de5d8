import type { Dialect, HttpDialect, Speaker } from './contestant.ts';

/** A document with its variables, as the frontends of both GraphQL contestants send it. */
export interface Operation {
  readonly query: string;
  readonly variables: object;
}

export interface GraphQLOperations {
  /** Sent one after the other; the answer to one of them holds the roster. */
  watch(user: string): readonly Operation[];
  heartbeat(user: string, bound: boolean): Operation;
  readonly idleHeartbeatMs: number | null;
}

/** The protocol graphql-transport-ws, as graphql-ws' own client speaks it. */
export function graphqlDialect(operations: GraphQLOperations): Dialect {
  return {
    protocol: 'graphql-transport-ws',
    path: () => '/graphql',
    greeting: (user) => JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${user}` } }),
    watch: (user) =>
      operations
        .watch(user)
        .map((payload, index) => JSON.stringify({ id: `watch-${index}`, type: 'subscribe', payload })),
    heartbeat: (user, id, bound) =>
      JSON.stringify({ id: String(id), type: 'subscribe', payload: operations.heartbeat(user, bound) }),
    idleHeartbeatMs: operations.idleHeartbeatMs,
    hear,
  };
}

export function graphqlOverHttp(operations: GraphQLOperations): HttpDialect {
  return {
    path: '/graphql',
    headers: (user) => [`Authorization: Bearer ${user}`, 'Accept: application/json'],
    heartbeat: (user) => JSON.stringify(operations.heartbeat(user, false)),
    check: (body) => {
      if (!body.includes('"nextHeartbeatMs":') || body.includes('"errors"'))
        throw new Error(`not a heartbeat: ${body}`);
    },
  };
}

/** What a server may say that holds no mark. */
interface Message {
  readonly type: string;
  readonly id?: string;
  readonly payload?: { readonly errors?: unknown } | readonly unknown[];
}

function hear(text: string, speaker: Speaker): void {
  // The protocol says what messages look like.
  const { type, id, payload } = JSON.parse(text) as Message;
  switch (type) {
    case 'connection_ack':
      speaker.greeted();
      break;
    case 'ping':
      speaker.say('{"type":"pong"}');
      break;
    case 'next':
      if (payload !== undefined && 'errors' in payload) speaker.failed(text);
      // A stream may say that nobody has changed; only what was numbered is waited for.
      else if (Number(id) > 0) speaker.answered(Number(id));
      break;
    case 'complete':
    case 'pong':
      break;
    default:
      speaker.failed(text);
  }
}
