import { describe, expect, test } from 'vitest';
import type { Command } from '../../src/presence/command.ts';
import { hiddenFrom, type View } from '../../src/presence/record.ts';
import {
  clearOverride,
  customStatus,
  endSession,
  heartbeat,
  hideFrom,
  INVISIBLE,
  NOT_INVISIBLE,
  override,
  showTo,
} from '../support/presence-commands.ts';
import { RULES, START, World } from '../support/presence-world.ts';

const BOUND = { binding: { node: 'n1', connection: 'c1' } };
const IDLE = { activity: 'IDLE' } as const;

/** A user with a custom status who was last active 500 ms before hiding at START + 1000. */
function beforeHiding(): World {
  const world = new World();
  world.apply(heartbeat('a', BOUND), START);
  world.apply(customStatus('at sea', START + 5000), START + 100);
  world.apply(heartbeat('a', BOUND), START + 500);
  return world;
}

const WAYS: readonly (readonly [string, Command, Command])[] = [
  ['invisible', INVISIBLE, NOT_INVISIBLE],
  ['hidden from the viewer', hideFrom('v'), showTo('v')],
  ['appearing offline', override('OFFLINE'), clearOverride()],
];

describe.each(WAYS)('rule 7: %s', (_, hide, reveal) => {
  test('since and lastActiveAt freeze at the moment of hiding, and nothing moves them', () => {
    const world = beforeHiding();
    world.apply(hide, START + 1000);
    const hidden = world.sees('v');
    expect(hidden).toMatchObject({ status: 'OFFLINE', since: START + 1000, lastActiveAt: START + 500, clients: [] });
    expect(hidden.customStatus?.text).toBe('at sea');
    world.apply(heartbeat('a', BOUND), START + 2000);
    world.apply(heartbeat('b', { client: 'MOBILE' }), START + 2500);
    world.apply(customStatus('on an island'), START + 3000);
    world.apply(override('DO_NOT_DISTURB', { source: 'call', priority: -1 }), START + 3000);
    world.apply(endSession('b'), START + 4000);
    expect(world.seesAt('v', START + 4999)).toBe(hidden);
    expect(world.seesAt('v', START + 5000)).toMatchObject({ since: START + 1000, customStatus: null });
    expect(world.seesAt('v', START + 1_000_000).customStatus).toBeNull();
  });

  test('who shows again while active looks like one who just arrived', () => {
    const world = beforeHiding();
    world.apply(hide, START + 1000);
    world.apply(heartbeat('a', BOUND), START + 2000);
    world.apply(customStatus('on an island'), START + 2000);
    world.apply(reveal, START + 3000);
    expect(world.sees('v')).toMatchObject({
      status: 'ONLINE',
      since: START + 3000,
      lastActiveAt: START + 3000,
      clients: ['WEB'],
      customStatus: { text: 'on an island' },
    });
  });

  test('who shows again while AWAY was last active before hiding, as far as the viewer may know', () => {
    const world = beforeHiding();
    world.apply(hide, START + 1000);
    world.apply(heartbeat('a', BOUND), START + 2000);
    world.apply(heartbeat('a', { ...BOUND, ...IDLE }), START + 2500);
    world.apply(reveal, START + 3000);
    expect(world.sees('v')).toMatchObject({ status: 'AWAY', since: START + 3000, lastActiveAt: START + 500 });
    world.apply(endSession('a'), START + 4000);
    expect(world.sees('v')).toMatchObject({ status: 'OFFLINE', since: START + 4000, lastActiveAt: START + 500 });
  });

  test('who left in hiding and shows again is still OFFLINE since the moment of hiding', () => {
    const world = beforeHiding();
    world.apply(hide, START + 1000);
    const hidden = world.sees('v');
    world.apply(heartbeat('a', BOUND), START + 2000);
    world.apply(endSession('a'), START + 2500);
    world.apply(reveal, START + 3000);
    expect(world.sees('v')).toBe(hidden);
    world.apply(heartbeat('a', IDLE), START + 9000);
    expect(world.sees('v')).toMatchObject({ status: 'AWAY', since: START + 9000, lastActiveAt: START + 500 });
  });

  test('who hides while offline changes nothing, nor does coming online behind it', () => {
    const world = beforeHiding();
    world.apply(endSession('a'), START + 600);
    const offline = world.sees('v');
    world.apply(hide, START + 1000);
    expect(world.sees('v')).toBe(offline);
    world.apply(heartbeat('a'), START + 2000);
    expect(world.sees('v')).toBe(offline);
    world.apply(reveal, START + 3000);
    expect(world.sees('v')).toMatchObject({ status: 'ONLINE', since: START + 3000, lastActiveAt: START + 3000 });
  });

  test('found by a property: who was first seen in hiding arrives like one who was never seen', () => {
    const world = new World();
    world.apply(hide, START);
    world.apply(heartbeat('a', IDLE), START + 1000);
    world.apply(endSession('a'), START + 2000);
    world.apply(reveal, START + 3000);
    expect(world.sees('v')).toMatchObject({ status: 'OFFLINE', since: null, lastActiveAt: null });
    world.apply(heartbeat('a', IDLE), START + 4000);
    expect(world.sees('v')).toMatchObject({ status: 'AWAY', since: START + 4000, lastActiveAt: START + 4000 });
  });
});

describe('rule 7: an override that says OFFLINE', () => {
  test('hides at the very millisecond at which it becomes the topmost, and shows at that of its end', () => {
    const world = new World();
    world.apply(heartbeat('a', BOUND), START);
    world.apply(override('OFFLINE', { source: 'user', priority: 1, expiresAt: START + 2000 }), START);
    world.apply(override('DO_NOT_DISTURB', { source: 'call', priority: 2, expiresAt: START + 1000 }), START);
    expect(world.seesAt('v', START + 999).status).toBe('DO_NOT_DISTURB');
    expect(world.seesAt('v', START + 1000)).toMatchObject({ status: 'OFFLINE', since: START + 1000, clients: [] });
    world.apply(heartbeat('a', BOUND), START + 1500);
    expect(world.seesAt('v', START + 1999)).toMatchObject({ lastActiveAt: START });
    expect(world.seesAt('v', START + 2000)).toMatchObject({ status: 'ONLINE', since: START + 2000 });
  });
});

describe('rule 7: several ways of hiding at once', () => {
  test('only the last one that ends shows the user', () => {
    const world = beforeHiding();
    world.apply(hideFrom('v'), START + 1000);
    const hidden = world.sees('v');
    world.apply(INVISIBLE, START + 2000);
    world.apply(override('OFFLINE'), START + 2100);
    expect(world.sees('w')).toMatchObject({ status: 'OFFLINE', since: START + 2000 });
    world.apply(showTo('v'), START + 2200);
    expect(world.sees('v')).toBe(hidden);
    world.apply(clearOverride(), START + 2300);
    expect(world.sees('v')).toBe(hidden);
    expect(world.sees('w')).toMatchObject({ status: 'OFFLINE', since: START + 2000 });
    world.apply(NOT_INVISIBLE, START + 2400);
    for (const viewer of ['v', 'w']) {
      expect(world.sees(viewer)).toMatchObject({ status: 'ONLINE', since: START + 2400, lastActiveAt: START + 2400 });
    }
    expect(world.record.apart).toEqual({});
  });

  test('hiding from one is nothing to the others', () => {
    const world = beforeHiding();
    const before = world.sees('w');
    world.apply(hideFrom('v'), START + 1000);
    expect(world.sees('w')).toBe(before);
    expect(hiddenFrom(world.record)).toEqual(['v']);
    world.apply(showTo('v'), START + 2000);
    expect(world.sees('w')).toBe(before);
    expect(hiddenFrom(world.record)).toEqual([]);
    expect(world.sees('v').since).toBe(START + 2000);
  });

  test('found by a property: to show oneself to one while invisible to all is not seen by that one', () => {
    const world = new World();
    world.apply(heartbeat('a', BOUND), START);
    world.apply(hideFrom('v'), START + 1000);
    const hidden = world.sees('v');
    world.apply(INVISIBLE, START + 1000);
    world.apply(showTo('v'), START + 2000);
    expect(world.sees('v').rev).toBe(hidden.rev);
  });

  test('nor by one who was hidden from while the custom status went to and fro', () => {
    const world = new World();
    world.apply(customStatus('at sea'), START);
    const before = world.sees('v');
    world.apply(hideFrom('v'), START + 1000);
    world.apply(customStatus('on an island'), START + 2000);
    world.apply(customStatus('at sea'), START + 3000);
    world.apply(INVISIBLE, START + 4000);
    world.apply(showTo('v'), START + 5000);
    expect(world.sees('v').rev).toBe(before.rev);
    world.apply(NOT_INVISIBLE, START + 6000);
    expect(world.sees('v').rev).toBe(before.rev);
    world.apply(heartbeat('a'), START + 7000);
    expect(world.record.apart).toEqual({});
  });
});

describe('rule 4: what a viewer sees never goes back', () => {
  const isAfter = (later: View, earlier: View): void => {
    expect(later.rev).toBeGreaterThan(earlier.rev);
    expect(later.since ?? 0).toBeGreaterThanOrEqual(earlier.since ?? 0);
  };

  test('found by thought: hidden and shown within one millisecond is a newer view, though an equal one', () => {
    const world = new World();
    world.apply(heartbeat('a'), START);
    world.apply(hideFrom('v'), START);
    const hidden = world.sees('v');
    world.apply(showTo('v'), START);
    expect(world.sees('v').status).toBe('ONLINE');
    isAfter(world.sees('v'), hidden);
  });

  test('found by a property: a node whose estimate of the clock runs ahead dates nothing before it', () => {
    const world = new World();
    world.apply(heartbeat('a'), START + 5, START);
    const before = world.sees('v');
    world.apply(INVISIBLE, START + 1, START + 1);
    expect(world.sees('v')).toMatchObject({ status: 'OFFLINE', since: START + 5, lastActiveAt: START + 5 });
    isAfter(world.sees('v'), before);
  });

  test('a store whose clock was put back goes on from the last revision', () => {
    const world = new World();
    world.apply(heartbeat('a'), START);
    const before = world.sees('v');
    world.apply(heartbeat('a', IDLE), START - 60_000);
    expect(world.sees('v')).toMatchObject({ status: 'AWAY', since: START });
    expect(world.record.sessions[0]?.expiresAt).toBe(START + RULES.leaseMs);
    isAfter(world.sees('v'), before);
  });
});
