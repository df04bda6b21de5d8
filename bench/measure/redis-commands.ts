import type { Redis } from 'ioredis';

/** How many commands a server has carried out, by name. Those inside scripts count as their own. */
export type CommandCounts = ReadonlyMap<string, number>;

export async function commandCounts(redis: Redis): Promise<CommandCounts> {
  const counts = new Map<string, number>();
  for (const line of (await redis.info('commandstats')).split('\r\n')) {
    const match = /^cmdstat_([^:]+):calls=(\d+)/.exec(line);
    if (match?.[1] !== undefined) counts.set(match[1], Number(match[2]));
  }
  return counts;
}

/** What was asked of the server between two counts, without the counting itself. */
export function commandsBetween(before: CommandCounts, after: CommandCounts): number {
  let total = 0;
  for (const [name, count] of after) if (name !== 'info') total += count - (before.get(name) ?? 0);
  return total;
}
