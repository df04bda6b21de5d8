import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from '@apollo/client';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { OperationTypeNode } from 'graphql';
import { createClient } from 'graphql-ws';
import { afterAll, beforeAll, expect, it } from 'vitest';
import WebSocket from 'ws';
import {
  AddFriendDocument,
  EndSessionDocument,
  FriendsDocument,
  FriendsPresenceDocument,
  HeartbeatDocument,
  type RosterUpdateFieldsFragment,
} from '../../src/client/gql/graphql.ts';
import { Reader } from '../support/reader.ts';
import { streamOf } from './results.ts';
import { clientScenario, FriendsReader } from './scenario.ts';
import { type RunningServer, startServerForClients } from './server.ts';

let server: RunningServer;
beforeAll(async () => {
  server = await startServerForClients();
});
afterAll(() => server.stop());

function connect(token: string): { client: ApolloClient; close: () => Promise<void> } {
  const authorization = `Bearer ${token}`;
  const socket = createClient({
    url: server.wsUrl,
    webSocketImpl: WebSocket,
    connectionParams: { authorization },
    retryAttempts: 0,
  });
  const link = ApolloLink.split(
    ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
    new GraphQLWsLink(socket),
    new HttpLink({ uri: server.url, headers: { authorization } }),
  );
  const client = new ApolloClient({ link, cache: new InMemoryCache() });
  return {
    client,
    close: async () => {
      client.stop();
      await socket.dispose();
    },
  };
}

function follow(client: ApolloClient, after: string | null) {
  return streamOf<RosterUpdateFieldsFragment>((sink) => {
    const subscription = client.subscribe({ query: FriendsPresenceDocument, variables: { after } }).subscribe({
      next: ({ data, error }) => {
        if (data) sink.next(data.friendsPresence);
        else sink.error(error);
      },
      error: sink.error,
      complete: sink.end,
    });
    return () => subscription.unsubscribe();
  });
}

clientScenario('Apollo Client', async (token) => {
  const { client, close } = connect(token);
  const required = <T>({ data, error }: { data?: T | undefined; error?: unknown }): T => {
    if (!data) throw error;
    return data;
  };
  return {
    heartbeat: async (variables) => required(await client.mutate({ mutation: HeartbeatDocument, variables })).heartbeat,
    endSession: async (variables) => void required(await client.mutate({ mutation: EndSessionDocument, variables })),
    addFriend: async (variables) => void required(await client.mutate({ mutation: AddFriendDocument, variables })),
    friendsPresence: (after) => follow(client, after),
    close,
  };
});

it("Apollo's cache updates a query by itself from the subscription", async () => {
  const ada = connect('cache-ada');
  const bob = connect('cache-bob');
  await ada.client.mutate({ mutation: AddFriendDocument, variables: { input: { userId: 'cache-bob' } } });
  await bob.client.mutate({ mutation: AddFriendDocument, variables: { input: { userId: 'cache-ada' } } });
  const query = new Reader(
    streamOf<string>((sink) => {
      const watched = ada.client.watchQuery({ query: FriendsDocument }).subscribe(({ data }) => {
        const friend = data?.viewer?.friends?.nodes?.[0];
        if (friend) sink.next(`${friend.id} ${friend.presence?.status}`);
      });
      return () => watched.unsubscribe();
    }),
  );
  await query.until('the query', ({ items }) => items.at(-1) === 'cache-bob OFFLINE');
  const reader = new FriendsReader(follow(ada.client, null));
  await reader.until('the roster', ({ items }) => items.length > 0);
  await bob.client.mutate({ mutation: HeartbeatDocument, variables: { input: { sessionId: 'b' } } });
  await query.until('the query to follow', ({ items }) => items.at(-1) === 'cache-bob ONLINE');
  expect(reader.friends.get('cache-bob')?.presence?.status).toBe('ONLINE');
  await Promise.all([query.close(), reader.close()]);
  await Promise.all([ada.close(), bob.close()]);
});
