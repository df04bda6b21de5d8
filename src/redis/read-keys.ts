import { isTryAgain } from './failure.ts';
import type { RedisConnection } from './redis-connection.ts';
import { slotOf } from './slot.ts';

/** Redis serves nobody else while it answers one command. */
const KEYS_AT_ONCE = 1_000;

/** The values of string keys, in their order, null for what is not there. All requests are sent at once. */
export async function readKeys(connection: RedisConnection, keys: readonly string[]): Promise<(string | null)[]> {
  if (!connection.sharded) return readTogether(connection, keys);
  const groups = new Map<number, { readonly keys: string[]; readonly places: number[] }>();
  for (const [place, key] of keys.entries()) {
    const slot = slotOf(key);
    const group = groups.get(slot) ?? { keys: [], places: [] };
    groups.set(slot, group);
    group.keys.push(key);
    group.places.push(place);
  }
  const values: (string | null)[] = keys.map(() => null);
  const read = async ({ keys: ofSlot, places }: { keys: string[]; places: number[] }): Promise<void> => {
    const answers = await readTogether(connection, ofSlot);
    for (const [index, place] of places.entries()) values[place] = answers[index] ?? null;
  };
  await Promise.all([...groups.values()].map(read));
  return values;
}

/** Keys of one slot, where there are slots. */
async function readTogether(connection: RedisConnection, keys: readonly string[]): Promise<(string | null)[]> {
  const chunks: string[][] = [];
  for (let from = 0; from < keys.length; from += KEYS_AT_ONCE) chunks.push(keys.slice(from, from + KEYS_AT_ONCE));
  return (await Promise.all(chunks.map((chunk) => readChunk(connection, chunk)))).flat();
}

async function readChunk(connection: RedisConnection, keys: readonly string[]): Promise<(string | null)[]> {
  const values = await connection.call(keys[0] ?? '', (redis) =>
    redis.mget(...keys).catch((error: unknown) => {
      if (isTryAgain(error)) return null;
      throw error;
    }),
  );
  // While a slot is on its way some of its keys have arrived and others not, but each by itself can be found.
  return values ?? Promise.all(keys.map((key) => connection.call(key, (redis) => redis.get(key))));
}
