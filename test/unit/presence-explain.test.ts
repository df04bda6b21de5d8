import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { explain } from '../../src/presence/explain.ts';
import { rules, schedule, steps } from '../support/presence-arbitraries.ts';
import { endSession, heartbeat, hideFrom, INVISIBLE, override } from '../support/presence-commands.ts';
import { RULES, START, World } from '../support/presence-world.ts';

const BOUND = { binding: { node: 'n1', connection: 'c1' } };
const IDLE = { activity: 'IDLE' } as const;

function explained(world: World): ReturnType<typeof explain> {
  return explain(world.record, RULES);
}

describe('rule 1: why a user is shown so, and what comes next', () => {
  test('nobody there: NO_SESSION, whatever overrides wait', () => {
    const world = new World();
    world.apply(override('DO_NOT_DISTURB', { expiresAt: START + 1000 }), START);
    expect(explained(world)).toEqual({
      status: 'OFFLINE',
      reason: 'NO_SESSION',
      session: null,
      override: null,
      nextStatus: null,
      nextTransitionAt: null,
    });
  });

  test('an active session speaks for the user, the most recently active one of several, and goes with its lease', () => {
    const world = new World();
    world.apply(heartbeat('a'), START);
    world.apply(heartbeat('b'), START + 5);
    world.apply(heartbeat('c', IDLE), START + 6);
    expect(explained(world)).toMatchObject({
      status: 'ONLINE',
      reason: 'ACTIVE_SESSION',
      session: { id: 'b' },
      nextStatus: 'AWAY',
      nextTransitionAt: START + 5 + RULES.leaseMs,
    });
  });

  test('a bound one turns idle, and then stays', () => {
    const world = new World();
    world.apply(heartbeat('a', BOUND), START);
    const idleAt = START + RULES.awayAfterMs;
    expect(explained(world)).toMatchObject({ nextStatus: 'AWAY', nextTransitionAt: idleAt });
    world.sweep(idleAt);
    expect(explained(world)).toMatchObject({
      status: 'AWAY',
      reason: 'IDLE_SESSIONS',
      session: { id: 'a' },
      nextStatus: null,
      nextTransitionAt: null,
    });
  });

  test('an override that ends names what lies under it then, past changes that it covers', () => {
    const world = new World();
    world.apply(heartbeat('a', BOUND), START);
    const end = START + RULES.awayAfterMs + 1000;
    world.apply(override('DO_NOT_DISTURB', { expiresAt: end }), START);
    expect(explained(world)).toMatchObject({
      status: 'DO_NOT_DISTURB',
      reason: 'OVERRIDE',
      override: { source: 'user' },
      nextStatus: 'AWAY',
      nextTransitionAt: end,
    });
  });

  test('an override that says OFFLINE is the reason, and its end the next transition', () => {
    const world = new World();
    world.apply(heartbeat('a', BOUND), START);
    world.apply(override('OFFLINE', { expiresAt: START + 1000 }), START);
    expect(explained(world)).toMatchObject({ status: 'OFFLINE', reason: 'OVERRIDE', nextStatus: 'ONLINE' });
    world.apply(endSession('a'), START + 1);
    expect(explained(world)).toMatchObject({ status: 'OFFLINE', reason: 'NO_SESSION', nextStatus: null });
  });

  test('INVISIBLE comes before all, and time alone does not end it', () => {
    const world = new World();
    world.apply(heartbeat('a'), START);
    world.apply(override('AWAY', { expiresAt: START + 5 }), START);
    world.apply(INVISIBLE, START);
    expect(explained(world)).toMatchObject({
      status: 'OFFLINE',
      reason: 'INVISIBLE',
      session: { id: 'a' },
      nextStatus: null,
      nextTransitionAt: null,
    });
  });

  test('hiding from one is no reason: it tells of what the others are shown', () => {
    const world = new World();
    world.apply(heartbeat('a'), START);
    world.apply(hideFrom('v'), START);
    expect(explained(world)).toMatchObject({ status: 'ONLINE', reason: 'ACTIVE_SESSION' });
  });

  test('the next transition is the one that comes when nothing happens', () => {
    fc.assert(
      fc.property(rules, steps(20), (rules, given) => {
        const world = new World(rules);
        for (const { at, command } of schedule(given, START)) world.apply(command, at);
        const { status, nextStatus, nextTransitionAt } = explain(world.record, rules);
        expect(status).toBe(world.sees('anyone').status);
        while (world.wakeAt !== null && world.sees('anyone').status === status) world.sweep(world.wakeAt);
        const after = world.sees('anyone');
        expect({ nextStatus, nextTransitionAt }).toEqual(
          after.status === status
            ? { nextStatus: null, nextTransitionAt: null }
            : { nextStatus: after.status, nextTransitionAt: after.since },
        );
      }),
      { seed: 20261123, numRuns: 300 },
    );
  });
});
