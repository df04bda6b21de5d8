import { RedisPubSub } from 'graphql-redis-subscriptions';
import { Redis } from 'ioredis';

/** What a friend is shown of a user; the same object is stored, published and resolved. */
export interface UserPresence {
  readonly id: string;
  readonly status: string;
  readonly since: string;
  readonly lastActiveAt: string;
  readonly clients: readonly string[];
  readonly customStatus: CustomStatus | null;
}

export interface CustomStatus {
  readonly text: string | null;
  readonly emoji: string | null;
  readonly expiresAt: string | null;
}

export interface HeartbeatInput {
  readonly sessionId: string | number;
  readonly client: string;
  readonly activity: string;
}

export interface Heartbeat extends HeartbeatInput {
  readonly lastActiveAt: string;
  readonly expiresAt: string;
  readonly nextHeartbeatMs: number;
}

export const HEARTBEAT_MS = 30_000;
const LEASE_MS = 40_000;

export const keys = {
  friends: (userId: string): string => `friends:${userId}`,
  presence: (userId: string): string => `presence:${userId}`,
  session: (userId: string, sessionId: string | number): string => `session:${userId}:${sessionId}`,
  /** The channel of one user: whoever has that friend subscribes to it. */
  channel: (userId: string): string => `changed:${userId}`,
};

/** The fields of the hash that a user's presence is kept in. */
export function toHash({ status, since, lastActiveAt, clients, customStatus }: UserPresence): Record<string, string> {
  return { status, since, lastActiveAt, clients: clients.join(','), text: customStatus?.text ?? '' };
}

/** Presence in Redis: hashes and keys with a time to live, and a channel a user. */
export class PresenceService {
  readonly #redis: Redis;
  readonly #subscriber: Redis;
  readonly #pubsub: RedisPubSub;

  constructor(redisUrl: string) {
    const options = { enableAutoPipelining: true };
    this.#redis = new Redis(redisUrl, options);
    this.#subscriber = new Redis(redisUrl);
    this.#pubsub = new RedisPubSub({ publisher: this.#redis, subscriber: this.#subscriber });
  }

  async roster(userId: string): Promise<UserPresence[]> {
    const friends = await this.#redis.smembers(keys.friends(userId));
    const hashes = await Promise.all(friends.map((id) => this.#redis.hgetall(keys.presence(id))));
    return hashes.map((hash, index) => fromHash(friends[index] ?? '', hash));
  }

  async changes(userId: string): Promise<AsyncIterable<UserPresence>> {
    const friends = await this.#redis.smembers(keys.friends(userId));
    return this.#pubsub.asyncIterator<UserPresence>(friends.map(keys.channel));
  }

  /** One round trip; a second one, and a publication, only for a session that was not there. */
  async heartbeat(userId: string, input: HeartbeatInput): Promise<Heartbeat> {
    const now = Date.now();
    const lastActiveAt = new Date(now).toISOString();
    const expiresAt = new Date(now + LEASE_MS).toISOString();
    const session = { ...input, lastActiveAt, expiresAt };
    const presence = keys.presence(userId);
    const [before] = await Promise.all([
      this.#redis.set(keys.session(userId, input.sessionId), JSON.stringify(session), 'PX', LEASE_MS, 'GET'),
      this.#redis.hset(presence, 'lastActiveAt', lastActiveAt),
      this.#redis.pexpire(presence, LEASE_MS),
    ]);
    if (before === null) await this.#came(userId, input.client, lastActiveAt);
    return { ...session, nextHeartbeatMs: HEARTBEAT_MS };
  }

  async #came(userId: string, client: string, at: string): Promise<void> {
    const presence = keys.presence(userId);
    const before = fromHash(userId, await this.#redis.hgetall(presence));
    const now: UserPresence = { ...before, status: 'ONLINE', since: at, lastActiveAt: at, clients: [client] };
    await Promise.all([
      this.#redis.hset(presence, toHash(now)),
      this.#redis.pexpire(presence, LEASE_MS),
      this.#pubsub.publish(keys.channel(userId), now),
    ]);
  }
}

function fromHash(id: string, hash: Record<string, string>): UserPresence {
  const { status = 'OFFLINE', since = '', lastActiveAt = '', clients = '', text = '' } = hash;
  return {
    id,
    status,
    since,
    lastActiveAt,
    clients: clients === '' ? [] : clients.split(','),
    customStatus: text === '' ? null : { text, emoji: null, expiresAt: null },
  };
}
