import { beforeEach, describe, expect, it } from 'vitest';
import { MemoryFriendGraph } from '../../src/friends/memory.ts';

describe('the embedded friend graph', () => {
  let now: number;
  let graph: MemoryFriendGraph;
  beforeEach(() => {
    now = 1_000;
    graph = new MemoryFriendGraph({ now: () => now });
  });

  const version = async (userId: string): Promise<number> => (await graph.list(userId)).version;

  it('rule 11: takes versions from the clock, in microseconds', async () => {
    await graph.relate('a', 'b', 'add');
    expect(await version('a')).toBe(1_000_000);
    now = 1_001;
    await graph.relate('a', 'b', 'remove');
    expect(await version('b')).toBe(1_001_000);
  });

  it('rule 4: moves versions on while the clock stands still or runs back', async () => {
    await graph.relate('a', 'b', 'add');
    await graph.relate('a', 'c', 'add');
    expect([await version('a'), await version('b'), await version('c')]).toEqual([1_000_001, 1_000_000, 1_000_000]);
    now = 10;
    await graph.relate('a', 'b', 'remove');
    expect([await version('a'), await version('b')]).toEqual([1_000_002, 1_000_001]);
  });

  it('rule 8.6: gives all that one call changes in a list one version', async () => {
    await graph.sync('a', ['b', 'c', 'd']);
    const { entries } = await graph.list('a');
    expect(new Set(entries.map((entry) => entry.version))).toEqual(new Set([1_000_000]));
  });

  it('rule 8.7: has told listeners by the time that a call resolves, once a call', async () => {
    const told: string[] = [];
    for (const userId of ['a', 'b', 'c']) await graph.listen(userId, () => told.push(userId));
    await graph.sync('a', ['b', 'c']);
    expect(told.sort()).toEqual(['a', 'b', 'c']);
    await graph.sync('a', ['b', 'c']);
    expect(told).toHaveLength(3);
  });

  it('hands out lists that later changes leave alone', async () => {
    await graph.relate('a', 'b', 'add');
    const before = await graph.list('a');
    const copy = structuredClone(before);
    await graph.relate('b', 'a', 'add');
    expect(before).toEqual(copy);
  });
});
