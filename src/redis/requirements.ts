import type { Redis } from 'ioredis';
import { isReply } from './failure.ts';
import { Rights } from './rights.ts';

/** What was reached can never be used as it is set up. The message is one line for the operator. */
export class UnusableRedis extends Error {
  override readonly name = 'UnusableRedis';
}

/** What a server says of itself; null for what it does not say. */
export interface ServerFacts {
  readonly version: string | null;
  readonly valkey: boolean;
  readonly clusterNode: boolean;
  readonly loading: boolean;
  /** Of the server whose replica it is; null where it is none. */
  readonly masterAddress: string | null;
  /** How it makes room when its memory is full; null where its memory has no bound. */
  readonly eviction: string | null;
}

const OLDEST_REDIS = 7;

/** Reads the answer to INFO. */
export function readFacts(info: string): ServerFacts {
  const facts = new Map<string, string>();
  for (const line of info.split(/\r?\n/)) {
    const colon = line.indexOf(':');
    if (colon > 0) facts.set(line.slice(0, colon), line.slice(colon + 1));
  }
  return {
    version: facts.get('redis_version') ?? null,
    valkey: facts.get('server_name') === 'valkey' || facts.has('valkey_version'),
    clusterNode: facts.get('cluster_enabled') === '1' || facts.get('redis_mode') === 'cluster',
    loading: facts.get('loading') === '1',
    masterAddress: facts.get('role') === 'slave' ? `${facts.get('master_host')}:${facts.get('master_port')}` : null,
    eviction: Number(facts.get('maxmemory') ?? 0) > 0 ? (facts.get('maxmemory_policy') ?? null) : null,
  };
}

/** Why a server that says this can never be used; null where it can be. */
export function whyUnusable(facts: ServerFacts, server: string): string | null {
  if (facts.clusterNode) {
    return (
      `Redis at ${server} is a node of a Redis Cluster: set REDIS_URL to redis-cluster://${server}, ` +
      'or to several of its nodes with commas between them.'
    );
  }
  return whyTooOld(facts, server);
}

/** The same for a server that is to be a node of a cluster. */
export function whyUnusableInCluster(facts: ServerFacts, server: string): string | null {
  if (!facts.clusterNode) {
    return `Redis at ${server} is no node of a Redis Cluster: set REDIS_URL to redis://${server}, and to nothing else.`;
  }
  return whyTooOld(facts, server);
}

function whyTooOld({ version, valkey }: ServerFacts, server: string): string | null {
  if (valkey || !(Number.parseInt(version ?? '', 10) < OLDEST_REDIS)) return null;
  return `Redis at ${server} is version ${version}: Rollcall needs Redis ${OLDEST_REDIS}.0 or newer, or Valkey.`;
}

/** What may go wrong one day on a server that says this, for the operator. */
export function risksOf(facts: ServerFacts): string[] {
  if (!facts.eviction?.startsWith('allkeys-')) return [];
  return [
    `Redis throws keys away when its memory is full (maxmemory-policy ${facts.eviction}), and with them, without a word, ` +
      'presence and friend lists: set maxmemory-policy to noeviction',
  ];
}

/** Looks at servers before they are used. */
export class Requirements {
  readonly #rights = new Rights();
  readonly #server: string;

  /** `server` is what to call it towards the operator. */
  constructor(server: string) {
    this.#server = server;
  }

  /**
   * Resolves with what is risky about the server. Rejects with UnusableRedis where it can never be used, and with what
   * ioredis rejects with, or a reason of our own, where it cannot be used yet.
   */
  async examine(redis: Redis): Promise<string[]> {
    const info = await readInfo(redis);
    const facts = info === null ? null : readFacts(info);
    const unusable = facts && whyUnusable(facts, this.#server);
    if (unusable) throw new UnusableRedis(unusable);
    if (facts?.loading) throw new Error('it is still loading its data');
    if (facts?.masterAddress) {
      throw new Error(`it is a replica of ${facts.masterAddress}, which takes no writes; only its master can be used`);
    }
    const missing = await this.#missingRights(redis);
    if (missing !== null) {
      const user = redis.options.username ?? 'default';
      throw new UnusableRedis(
        `Redis at ${this.#server} forbids user ${JSON.stringify(user)} what Rollcall needs (${missing}): docs/redis.md has the rule to give.`,
      );
    }
    return facts === null ? [] : risksOf(facts);
  }

  async #missingRights(redis: Redis): Promise<string | null> {
    try {
      return await this.#rights.missing(redis);
    } catch (error) {
      // Scripts themselves are forbidden, or the key that this one is given.
      if (isReply(error) && error.message.startsWith('NOPERM')) return 'EVAL, EVALSHA, keys rollcall:*';
      throw error;
    }
  }
}

/**
 * Resolves with what is risky about a node of a cluster. Rejects with UnusableRedis where it can never be used, and with what
 * ioredis rejects with.
 */
export async function examineClusterNode(redis: Redis, server: string): Promise<string[]> {
  const info = await readInfo(redis);
  const facts = info === null ? null : readFacts(info);
  const unusable = facts && whyUnusableInCluster(facts, server);
  if (unusable) throw new UnusableRedis(unusable);
  return facts === null ? [] : risksOf(facts);
}

/** Null where that is forbidden, as hosted services may do. */
async function readInfo(redis: Redis): Promise<string | null> {
  try {
    return await redis.info();
  } catch (error) {
    if (isReply(error) && /^(NOPERM|ERR unknown command)/i.test(error.message)) return null;
    throw error;
  }
}
