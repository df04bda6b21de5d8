import { describe, expect, test } from 'vitest';
import type { Binding } from '../../src/presence/record.ts';
import { spare } from '../../src/presence/spare.ts';
import { disconnect, endSession, heartbeat, reassert } from '../support/presence-commands.ts';
import { RULES, START, World } from '../support/presence-world.ts';

const here: Binding = { node: 'n1', connection: 'c1' };
const there: Binding = { node: 'n2', connection: 'c2' };
const MINUTE = 60_000;

describe('rule 2.4: of two connections the one that was opened later has the session', () => {
  test('what arrives late over the older one changes nothing', () => {
    const world = new World();
    world.apply(heartbeat('a', { binding: here, connectedMs: 0 }), START);
    world.apply(heartbeat('a', { binding: there, connectedMs: 0 }), START + MINUTE);
    const moved = world.record;
    const late = heartbeat('a', { binding: here, connectedMs: MINUTE + 5_000, activity: 'IDLE' });
    expect(world.apply(late, START + MINUTE + 5_000).record).toBe(moved);
    world.apply(disconnect(here), START + MINUTE + 5_001);
    world.sweep(START + MINUTE + 5_001 + RULES.graceMs);
    expect(world.sees('v')).toMatchObject({ status: 'ONLINE', since: START });
  });

  test('the newer one takes it, whatever the clocks of its node say', () => {
    const world = new World();
    world.apply(heartbeat('a', { binding: here, connectedMs: 0 }), START);
    world.apply(heartbeat('a', { binding: there, connectedMs: 10 }), START - 10 * MINUTE);
    expect(world.record.sessions[0]?.binding).toMatchObject(there);
  });

  test('where they were opened at about the same time it is whichever speaks last', () => {
    const world = new World();
    world.apply(heartbeat('a', { binding: here, connectedMs: 0 }), START);
    world.apply(heartbeat('a', { binding: there, connectedMs: 500 }), START + 100);
    expect(world.record.sessions[0]?.binding).toMatchObject(there);
  });

  test('on the older one it goes on as soon as the newer one has let go', () => {
    const world = new World();
    world.apply(heartbeat('a', { binding: here, connectedMs: 0 }), START);
    world.apply(heartbeat('a', { binding: there, connectedMs: 0 }), START + MINUTE);
    world.apply(disconnect(there), START + 2 * MINUTE);
    world.apply(heartbeat('a', { binding: here, connectedMs: 2 * MINUTE }), START + 2 * MINUTE + 1);
    expect(world.record.sessions[0]).toMatchObject({ binding: here, expiresAt: null });
  });
});

describe('rule 2.9: a node says again what it holds, to a store that has lost it', () => {
  test('the session goes to the later connection, though the data name the one before', () => {
    const world = new World();
    world.apply(heartbeat('a', { binding: here, connectedMs: 0 }), START);
    const before = world.sees('v');
    world.apply({ ...reassert('a', there), connectedMs: MINUTE }, START + 2 * MINUTE);
    expect(world.record.sessions[0]?.binding).toMatchObject(there);
    expect(world.apply(disconnect(here), START + 2 * MINUTE).record.sessions[0]?.binding).toMatchObject(there);
    expect(world.sees('v')).toBe(before);
  });

  test('the earlier connection does not take it back', () => {
    const world = new World();
    world.apply(heartbeat('a', { binding: there, connectedMs: 0 }), START + MINUTE);
    const kept = world.record;
    const claim = { ...reassert('a', here), connectedMs: 2 * MINUTE };
    expect(world.apply(claim, START + 2 * MINUTE).record).toBe(kept);
  });
});

describe('rule 10.3: while nobody could be heard no lease counts as run out', () => {
  test('a session that would have ended lives on, and its next heartbeat leaves no trace', () => {
    const world = new World();
    world.apply(heartbeat('a'), START);
    const before = world.sees('v');
    const late = START + RULES.leaseMs + MINUTE;
    world.record = spare(world.record, late, late + RULES.leaseMs);
    expect(world.apply(heartbeat('a'), late)).toMatchObject({ visible: false });
    expect(world.sees('v')).toBe(before);
  });

  test('whoever is not heard by then is gone then', () => {
    const world = new World();
    world.apply(heartbeat('a'), START);
    world.apply(heartbeat('b', { activity: 'IDLE' }), START);
    const late = START + RULES.leaseMs + MINUTE;
    const until = late + RULES.leaseMs;
    world.record = spare(world.record, late, until);
    world.apply(endSession('b'), late);
    expect(world.seesAt('v', until - 1).status).toBe('ONLINE');
    expect(world.seesAt('v', until)).toMatchObject({ status: 'OFFLINE', since: until });
  });

  test('what has not run out, and what an open connection keeps, stays as it is', () => {
    const world = new World();
    world.apply(heartbeat('a'), START);
    world.apply(heartbeat('b', { binding: here }), START);
    expect(spare(world.record, START + RULES.leaseMs - 1, START + MINUTE)).toBe(world.record);
  });
});
