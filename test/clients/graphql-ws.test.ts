import { print } from 'graphql';
import { createClient } from 'graphql-ws';
import { afterAll, beforeAll } from 'vitest';
import WebSocket from 'ws';
import {
  AddFriendDocument,
  EndSessionDocument,
  FriendsPresenceDocument,
  HeartbeatDocument,
} from '../../src/client/gql/graphql.ts';
import { mapStream, only, unwrap } from './results.ts';
import { clientScenario } from './scenario.ts';
import { type RunningServer, startServerForClients } from './server.ts';

let server: RunningServer;
beforeAll(async () => {
  server = await startServerForClients();
});
afterAll(() => server.stop());

clientScenario('graphql-ws', async (token) => {
  const client = createClient({
    url: server.wsUrl,
    webSocketImpl: WebSocket,
    connectionParams: { authorization: `Bearer ${token}` },
    retryAttempts: 0,
  });
  const run = only((document, variables) => client.iterate({ query: print(document), variables }));
  return {
    heartbeat: async (variables) => (await run(HeartbeatDocument, variables)).heartbeat,
    endSession: async (variables) => void (await run(EndSessionDocument, variables)),
    addFriend: async (variables) => void (await run(AddFriendDocument, variables)),
    friendsPresence: (after) =>
      mapStream(
        client.iterate({ query: print(FriendsPresenceDocument), variables: { after } }),
        (result) => unwrap(FriendsPresenceDocument, result).friendsPresence,
      ),
    close: async () => client.dispose(),
  };
});
