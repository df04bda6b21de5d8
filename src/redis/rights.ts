import type { Redis } from 'ioredis';
import { META_KEY, NODES_KEY, Partitions } from './partitions.ts';
import { Script } from './script.ts';

/**
 * What is done to keys, by commands and within scripts, each with what follows the key. Nothing may be left out that a
 * command must have: Redis 7.0 crashes when it is asked for the rights to a command that is incomplete.
 */
const ON_KEYS: readonly (readonly string[])[] = [
  ['GET'],
  ['MGET'],
  ['SET', ''],
  ['HDEL', ''],
  ['HGET', ''],
  ['HGETALL'],
  ['HKEYS'],
  ['HLEN'],
  ['HMGET', ''],
  ['HSET', '', ''],
  ['HSETNX', '', ''],
  ['SADD', ''],
  ['SCARD'],
  ['SMEMBERS'],
  ['SRANDMEMBER', '1'],
  ['SREM', ''],
  ['ZADD', '0', ''],
  ['ZCARD'],
  ['ZPOPMIN', '1'],
  ['ZRANGE', '0', '0'],
  ['ZRANGEBYSCORE', '0', '0'],
  ['ZREM', ''],
  ['ZREMRANGEBYSCORE', '0', '0'],
  ['ZSCORE', ''],
];
const WITHOUT_KEYS: readonly (readonly string[])[] = [
  ['EVAL', '', '0'],
  ['EVALSHA', '', '0'],
  ['PING'],
  ['TIME'],
  ['UNSUBSCRIBE'],
];
const ON_CHANNELS: readonly (readonly string[])[] = [['PUBLISH', ''], ['SUBSCRIBE']];

/** One key and one channel of each kind: a rule can tell names apart by how they begin. */
const PARTITION = new Partitions(1);
const KEYS: readonly string[] = [META_KEY, NODES_KEY, PARTITION.key(0, 'head'), 'rollcall:{friends}:list:'];
const CHANNELS: readonly string[] = [PARTITION.channel(0), 'rollcall:{friends}:changes'];

const NEEDED: readonly (readonly string[])[] = [
  ...WITHOUT_KEYS,
  ...ON_KEYS.flatMap(([command = '', ...rest]) => KEYS.map((key) => [command, key, ...rest])),
  ...ON_CHANNELS.flatMap(([command = '', ...rest]) => CHANNELS.map((channel) => [command, channel, ...rest])),
];

/** The commands that Rollcall cannot do without on one server, for a rule of access. */
export const NEEDED_COMMANDS: readonly string[] = [...new Set(NEEDED.map(([command = '']) => command))];

/** Enough to see what is wrong with a rule. */
const MOST_NAMED = 4;

/** Asks servers whether what is needed may be done there. */
export class Rights {
  readonly #script = new Script(new URL('./lua/rights-1.lua', import.meta.url));

  /**
   * What is forbidden, for the operator; null for nothing, or where the server cannot tell. Rejects with what ioredis
   * rejects with, as where the server takes no writes.
   */
  async missing(redis: Redis): Promise<string | null> {
    const needed = NEEDED.map((command) => JSON.stringify(command));
    const forbidden = await this.#script.runOn(redis, [NODES_KEY], needed);
    // The script's own header says so.
    const needs = (forbidden as number[]).map((number) => NEEDED[number - 1] ?? []);
    // Each command once, with the first name that it is forbidden for.
    const byCommand = new Map([...needs].reverse().map(([command = '', name = '']) => [command, `${command} ${name}`]));
    const missing = [...byCommand.values()].reverse().map((need) => need.trim());
    if (missing.length === 0) return null;
    const rest = missing.length - MOST_NAMED;
    return missing.slice(0, MOST_NAMED).join(', ') + (rest > 0 ? ` and ${rest} more` : '');
  }
}
