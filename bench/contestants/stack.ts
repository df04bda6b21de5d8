import { RedisPubSub } from 'graphql-redis-subscriptions';
import { Redis } from 'ioredis';
import { keys, toHash } from '../servers/stack-presence.ts';
import { type Contestant, type Origin, type Place, userId } from './contestant.ts';
import { type GraphQLOperations, graphqlDialect, graphqlOverHttp } from './graphql-dialect.ts';
import { peer, SINCE, stateOf } from './peers.ts';
import { batches } from './seeding.ts';

const AT_ONCE = 1_000;
const LOOK_MS = 20;
const WATCHED_MS = 30_000;

const USER_FIELDS = `
  id
  isFriend
  presence { status since lastActiveAt clients customStatus { text emoji expiresAt } }
`;
const CHANGES = `subscription FriendPresence { friendPresence { ${USER_FIELDS} } }`;
const ROSTER = `query Friends { friends { ${USER_FIELDS} } }`;
const HEARTBEAT = `mutation Heartbeat($input: HeartbeatInput!) {
  heartbeat(input: $input) {
    session { id client activity lastActiveAt expiresAt }
    nextHeartbeatMs
  }
}`;

const operations: GraphQLOperations = {
  // In this order, so that no change falls between the two.
  watch: () => [
    { query: CHANGES, variables: {} },
    { query: ROSTER, variables: {} },
  ],
  heartbeat: () => ({
    query: HEARTBEAT,
    variables: { input: { sessionId: 'tab', client: 'WEB', activity: 'ACTIVE' } },
  }),
  idleHeartbeatMs: 30_000,
};

/** What most teams would build: see `servers/stack.ts`. */
export const stack: Contestant = {
  name: 'stack',
  label: 'the usual stack',
  ...peer('stack'),
  redis: 'redis',
  dialect: graphqlDialect(operations),
  ordered: false,
  http: graphqlOverHttp(operations),
  env: ({ redisUrl }) => ({ REDIS_URL: redisUrl }),
  openOrigin,
};

async function openOrigin({ redisUrl }: Place): Promise<Origin> {
  const redis = new Redis(redisUrl, { enableAutoPipelining: true });
  // The class wants a subscriber too; it is not used here.
  const pubsub = new RedisPubSub({ publisher: redis, subscriber: redis });
  return {
    seed: async (graph, online, mark, done) => {
      for (const pairs of batches(graph.pairs(), AT_ONCE)) {
        const pipeline = redis.pipeline();
        for (const [a, b] of pairs) {
          pipeline.sadd(keys.friends(userId(a)), userId(b)).sadd(keys.friends(userId(b)), userId(a));
        }
        await pipeline.exec();
      }
      for (const users of batches(Array(graph.users).keys(), AT_ONCE)) {
        const pipeline = redis.pipeline();
        for (const user of users) {
          const state = stateOf(userId(user), mark(user), SINCE);
          pipeline.hset(keys.presence(userId(user)), toHash({ ...state, status: online ? 'ONLINE' : 'OFFLINE' }));
        }
        await pipeline.exec();
        done('users', (users.at(-1) ?? 0) + 1);
      }
    },
    attach: async () => {},
    // The iterator answers before Redis has taken its subscriptions.
    whenWatched: async (users) => {
      const deadline = performance.now() + WATCHED_MS;
      const channels = users.map((user) => keys.channel(userId(user)));
      for (;;) {
        const counts = await redis.pubsub('NUMSUB', ...channels);
        if (counts.every((count, index) => index % 2 === 0 || Number(count) > 0)) return;
        if (performance.now() > deadline) throw new Error('some channels that are watched have no subscriber');
        await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      }
    },
    change: async (user, mark) => {
      const state = stateOf(userId(user), mark, SINCE);
      // In this order, in one round trip.
      await Promise.all([
        redis.hset(keys.presence(userId(user)), toHash(state)),
        pubsub.publish(keys.channel(userId(user)), state),
      ]);
    },
    close: async () => {
      redis.disconnect();
    },
  };
}
