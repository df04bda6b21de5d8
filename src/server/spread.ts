import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Calls `act` for each of `items` once, in random order, evenly over `spanMs` with jitter: each in a slot of its own,
 * anywhere within it. Resolves after the last one; at once when there are none.
 */
export async function spread<T>(items: readonly T[], spanMs: number, act: (item: T) => void): Promise<void> {
  const slotMs = spanMs / Math.max(items.length, 1);
  const startedAt = performance.now();
  for (const [index, item] of shuffled(items).entries()) {
    const at = startedAt + (index + Math.random()) * slotMs;
    const wait = at - performance.now();
    if (wait > 0) await sleep(wait);
    act(item);
  }
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, order: Math.random() }))
    .sort((a, b) => a.order - b.order)
    .map(({ item }) => item);
}
