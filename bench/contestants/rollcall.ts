import { fileURLToPath } from 'node:url';
import { print } from 'graphql';
import { FriendsPresenceDocument, HeartbeatDocument } from '../../src/client/gql/graphql.ts';
import { loadConfig } from '../../src/config.ts';
import type { Logger } from '../../src/log.ts';
import { openEngine } from '../../src/server/engine.ts';
import { createRollcall } from '../../src/service/create.ts';
import type { Graph } from '../crowd/graph.ts';
import { type Contestant, type ContestantName, type Origin, type Place, userId } from './contestant.ts';
import { type GraphQLOperations, graphqlDialect, graphqlOverHttp } from './graphql-dialect.ts';
import { batches } from './seeding.ts';

const SERVER = fileURLToPath(new URL('../rollcall.mjs', import.meta.url));
/** What the origin's own sessions are bound to. */
const CONNECTION = 'origin';
const PAIRS_AT_ONCE = 500;
const USERS_AT_ONCE = 500;

const FRIENDS_PRESENCE = print(FriendsPresenceDocument);
const HEARTBEAT = print(HeartbeatDocument);

/** `coalesceMs` is what the clients ask for. */
export function rollcall(name: ContestantName, label: string, coalesceMs: number): Contestant {
  const operations: GraphQLOperations = {
    watch: () => [{ query: FRIENDS_PRESENCE, variables: coalesceMs === 0 ? {} : { coalesceMs } }],
    heartbeat: (_user, bindToConnection) => ({
      query: HEARTBEAT,
      variables: { input: { sessionId: 'tab', client: 'WEB', activity: 'ACTIVE', bindToConnection } },
    }),
    idleHeartbeatMs: null,
  };
  return {
    name,
    label,
    script: SERVER,
    args: [],
    ready: /Rollcall is ready at http:\/\/[^\s/]+:(\d+)\//,
    redis: 'redis',
    dialect: graphqlDialect(operations),
    ordered: true,
    http: graphqlOverHttp(operations),
    env: ({ redisUrl }) => ({ PORT: '0', DRAIN_MS: '0', REDIS_URL: redisUrl }),
    openOrigin,
  };
}

/** A node without a front: the service on the same Redis. */
async function openOrigin({ redisUrl, idOf = userId }: Place): Promise<Origin> {
  let fault: string | null = null;
  const note = (details: object, message: string): void => {
    fault ??= `${message} ${JSON.stringify(details)}`;
  };
  const log: Logger = { debug: () => {}, info: () => {}, warn: note, error: note };
  const config = loadConfig({ REDIS_URL: redisUrl, AUTH_MODE: 'dev' });
  const engine = openEngine(config, log);
  await engine.usable;
  const service = await createRollcall({ store: engine.store, friends: engine.friends, settings: config.service, log });
  service.connectionOpened(CONNECTION);
  const caller = (user: number) => ({ userId: idOf(user), admin: false, connection: CONNECTION });
  const change = async (user: number, mark: string): Promise<void> => {
    await service.setCustomStatus(caller(user), { text: mark, emoji: null, expiresAt: null });
  };
  return {
    seed: async (graph: Graph, online, mark, done) => {
      let befriended = 0;
      for (const pairs of batches(graph.pairs(), PAIRS_AT_ONCE)) {
        await engine.friends.befriend(pairs.map(([a, b]) => [idOf(a), idOf(b)] as const));
        befriended += pairs.length;
        done('friendships', befriended);
      }
      let seeded = 0;
      for (const users of batches(Array(graph.users).keys(), USERS_AT_ONCE)) {
        await Promise.all(
          users.map(async (user) => {
            const session = { sessionId: 'origin', client: 'WEB', activity: 'ACTIVE', bindToConnection: true } as const;
            if (online) await service.heartbeat(caller(user), session);
            await change(user, mark(user));
          }),
        );
        seeded += users.length;
        done('users', seeded);
      }
    },
    attach: async () => {},
    whenWatched: async () => {
      // Rollcall answers a subscription when it listens.
      if (fault !== null) throw new Error(`the origin logged: ${fault}`);
    },
    change,
    close: async () => {
      await service.close();
      await engine.close();
    },
  };
}
