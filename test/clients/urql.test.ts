import { Client, cacheExchange, fetchExchange, subscriptionExchange } from '@urql/core';
import { createClient } from 'graphql-ws';
import { afterAll, beforeAll } from 'vitest';
import WebSocket from 'ws';
import {
  AddFriendDocument,
  EndSessionDocument,
  FriendsPresenceDocument,
  HeartbeatDocument,
  type RosterUpdateFieldsFragment,
} from '../../src/client/gql/graphql.ts';
import { streamOf } from './results.ts';
import { clientScenario } from './scenario.ts';
import { type RunningServer, startServerForClients } from './server.ts';

let server: RunningServer;
beforeAll(async () => {
  server = await startServerForClients();
});
afterAll(() => server.stop());

clientScenario('urql', async (token) => {
  const authorization = `Bearer ${token}`;
  const socket = createClient({
    url: server.wsUrl,
    webSocketImpl: WebSocket,
    connectionParams: { authorization },
    retryAttempts: 0,
  });
  const client = new Client({
    url: server.url,
    preferGetMethod: false,
    fetchOptions: { headers: { authorization } },
    exchanges: [
      cacheExchange,
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: ({ query = '', variables }) => ({
          subscribe: (sink) => ({
            unsubscribe: socket.subscribe<object>(
              { query, variables },
              {
                next: ({ data, errors }) =>
                  sink.next({ data: data ?? null, ...(errors ? { errors: [...errors] } : {}) }),
                error: sink.error,
                complete: sink.complete,
              },
            ),
          }),
        }),
      }),
    ],
  });
  const required = <T>({ data, error }: { data?: T; error?: unknown }): T => {
    if (!data) throw error;
    return data;
  };
  return {
    heartbeat: async (variables) => required(await client.mutation(HeartbeatDocument, variables)).heartbeat,
    endSession: async (variables) => void required(await client.mutation(EndSessionDocument, variables)),
    addFriend: async (variables) => void required(await client.mutation(AddFriendDocument, variables)),
    friendsPresence: (after) =>
      streamOf<RosterUpdateFieldsFragment>((sink) => {
        const { unsubscribe } = client.subscription(FriendsPresenceDocument, { after }).subscribe(({ data, error }) => {
          if (error) sink.error(error);
          else if (data) sink.next(data.friendsPresence);
        });
        return unsubscribe;
      }),
    close: async () => socket.dispose(),
  };
});
