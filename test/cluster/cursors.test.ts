import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RollcallError } from '../../src/errors.ts';
import type { View } from '../../src/presence/record.ts';
import { DEFAULT_PARTITIONS, Partitions } from '../../src/redis/partitions.ts';
import { slotOf } from '../../src/redis/slot.ts';
import type { RunningRollcall } from '../../src/service/create.ts';
import { backend, beat, openWorld, user, type World } from '../service/world.ts';
import type { RosterReader } from '../support/reader.ts';
import { sharedCluster } from '../support/shared-cluster.ts';

const VIEWER = 'ada';
const FRIENDS = Array.from({ length: 12 }, (_, index) => `friend${index}`);
const ROUNDS = 60;
/** How many slots move at least while a viewer roams. */
const MOVES = 4;
const PATIENCE_MS = 20_000;
/** Moves the revision of a partition on, as if the clock of its master had been this far ahead: KEYS head, ARGV µs. */
const PUSH_AHEAD = `
  local head = redis.call('GET', KEYS[1])
  if not head then return 0 end
  local rev, rest = string.match(head, '^(%d+) (.*)$')
  local time = redis.call('TIME')
  local now = time[1] * 1000000 + time[2]
  redis.call('SET', KEYS[1], string.format('%.0f', math.max(rev, now + ARGV[1])) .. ' ' .. rest)
  return 1`;

const partitions = new Partitions(DEFAULT_PARTITIONS);
const shared = sharedCluster({ replicas: 1 });

function headOf(friend: string): string {
  return partitions.key(partitions.of(friend), 'head');
}

describe('cursors of streams over several masters', () => {
  let world: World;
  let nodes: RunningRollcall[];
  let texts: Map<string, number>;

  beforeEach(async () => {
    // Nobody looks after the store but who needs it.
    const settings = { nodeLeaseMs: 60_000, heartbeatToleranceMs: 60_000 };
    world = await openWorld({ open: () => shared.engines(), close: () => shared.empty() }, settings);
    nodes = [world.rollcall, await world.node(), await world.node()];
    texts = new Map(FRIENDS.map((friend) => [friend, 0]));
    await world.rollcall.syncFriends(backend, VIEWER, FRIENDS);
    for (const friend of FRIENDS) await change(friend);
  });
  afterEach(() => world.close());

  async function change(friend: string): Promise<void> {
    const count = (texts.get(friend) ?? 0) + 1;
    texts.set(friend, count);
    await any(nodes).setCustomStatus(user(friend), { text: String(count), emoji: null, expiresAt: null });
  }

  /** Some change, all at once. */
  async function changeSome(): Promise<void> {
    const some = FRIENDS.filter(() => Math.random() < 0.25);
    await Promise.all(some.map(change));
  }

  /** The clocks of all but one of the masters seem to be ahead, each in another way. */
  async function skew(): Promise<void> {
    const { cluster } = shared;
    const masters = await cluster.masters();
    for (const [index, ahead] of [0, 30_000, 2_000_000].entries()) {
      for (const friend of FRIENDS) {
        const owner = await cluster.ownerOf(headOf(friend));
        if (owner === masters[index]) await owner.operator.eval(PUSH_AHEAD, 1, headOf(friend), ahead);
      }
    }
  }

  function shown(reader: RosterReader, held: Map<string, number>): Map<string, number> {
    const [first] = reader.items;
    const all = new Map(first?.reset ? [] : held);
    for (const { changes } of reader.items) {
      for (const { id, view } of changes) {
        const text = textOf(view);
        // Rule 4.3.
        expect(text).toBeGreaterThanOrEqual(held.get(id) ?? 0);
        all.set(id, text);
      }
    }
    return all;
  }

  /** As a client does, who asks again where the answer is UNAVAILABLE: a slot may move in that very moment. */
  async function open(after: string | undefined): Promise<RosterReader> {
    const deadline = performance.now() + PATIENCE_MS;
    for (;;) {
      try {
        return await world.watch(VIEWER, { on: any(nodes), ...(after === undefined ? {} : { after }) });
      } catch (error) {
        const mayAskAgain = error instanceof RollcallError && error.code === 'UNAVAILABLE';
        if (!mayAskAgain || performance.now() > deadline) throw error;
        await delay(10);
      }
    }
  }

  /**
   * Again and again a viewer stops at any moment and goes on elsewhere with what it has, after who knows what: the first
   * frame makes it whole.
   */
  async function roam(disturb: () => Promise<unknown>): Promise<void> {
    let held = new Map<string, number>();
    let after: string | undefined;
    let resets = 0;
    for (let round = 0; round < ROUNDS; round++) {
      await disturb();
      const reader = await open(after);
      await reader.until('the first frame', ({ items }) => items.length > 0);
      const first = shown(reader, held);
      expect([round, [...first].sort()]).toEqual([round, [...texts].sort()]);
      if (reader.items[0]?.reset) resets += 1;
      const changing = changeSome();
      if (Math.random() < 0.5) await changing;
      if (Math.random() < 0.5) await delay(Math.random() * 5);
      await reader.close();
      held = shown(reader, first);
      after = reader.cursor;
      await changing;
      if (Math.random() < 0.5) await changeSome();
    }
    expect(resets).toBe(1);
  }

  it('rules 4.3, 6.1, 6.6: nothing is missed, wherever one goes on, whosever clock is ahead', {
    timeout: 90_000,
  }, async () => {
    await roam(skew);
  });

  it('rule 6.6: the first frame shows again who changed lately, not whoever changed since the stream was opened', async () => {
    const [early = '', late = ''] = FRIENDS;
    const reader = await open(undefined);
    for (const friend of [early, late]) {
      const frames = reader.items.length;
      await change(friend);
      await reader.until('the change', ({ items }) => items.length > frames);
      // Time is what it is about: as long as the rule says, and one more.
      await delay(4_000);
    }
    await reader.close();
    const again = await open(reader.cursor);
    await again.until('the first frame', ({ items }) => items.length > 0);
    expect(again.items[0]?.reset).toBe(false);
    expect(again.items[0]?.changes.map(({ id }) => id)).toEqual([late]);
  });

  it('rules 4.3, 6.1, 6.6: nor while slots move', { timeout: 90_000 }, async () => {
    const { cluster } = shared;
    const masters = await cluster.masters();
    let moves = 0;
    let over = false;
    const moving = (async () => {
      while (!over) {
        const slot = slotOf(headOf(any(FRIENDS)));
        const owner = await cluster.ownerOf(slot);
        await cluster.moveSlot(slot, any(masters.filter((node) => node !== owner)), { dividedMs: 20 });
        moves += 1;
      }
    })();
    try {
      // However long a move takes: some must have happened meanwhile.
      do await roam(async () => {});
      while (moves < MOVES);
    } finally {
      over = true;
      await moving;
    }
  });

  it('rules 5.2, 6.4: after a failover with lost writes the roster is given anew, by a node that has not noticed too', {
    timeout: 90_000,
  }, async () => {
    const { cluster } = shared;
    const [friend = ''] = FRIENDS;
    const master = await cluster.ownerOf(headOf(friend));
    const replica = await cluster.replicaOf(master);
    await cluster.settled();
    await cluster.breakReplication(master);
    const reader = await open(undefined);
    // No choice of theirs: that would be brought back.
    await any(nodes).heartbeat(user(friend), beat('tab'));
    await reader.sees(friend, 'ONLINE');
    await reader.close();
    await master.kill();
    await cluster.promote(replica);
    const resumed = await open(reader.cursor);
    await resumed.until('the first frame', ({ items }) => items.length > 0);
    expect(resumed.items[0]?.reset).toBe(true);
    expect(resumed.status(friend)).toBe('OFFLINE');
  });
});

function textOf(view: View | undefined): number {
  return Number(view?.customStatus?.text);
}

function any<T>(items: readonly T[]): T {
  return items[Math.floor(Math.random() * items.length)] as T;
}
