import { describe, expect, test } from 'vitest';
import type { Binding } from '../../src/presence/record.ts';
import { disconnect, endSession, heartbeat, nodeLost, reassert } from '../support/presence-commands.ts';
import { RULES, START, World } from '../support/presence-world.ts';

const here: Binding = { node: 'n1', connection: 'c1' };
const there: Binding = { node: 'n2', connection: 'c2' };
const LONG = 10 * RULES.leaseMs;

describe('rule 2: a session lives by a lease', () => {
  test('until d + 2ε after its last heartbeat, and not a millisecond longer', () => {
    const world = new World();
    world.apply(heartbeat('a'), START);
    world.apply(heartbeat('a'), START + 30_000);
    const end = START + 30_000 + RULES.leaseMs;
    expect(world.wakeAt).toBe(end);
    expect(world.seesAt('v', end - 1).status).toBe('ONLINE');
    expect(world.seesAt('v', end)).toMatchObject({ status: 'OFFLINE', since: end, lastActiveAt: START + 30_000 });
    expect(world.wakeAt).toBeNull();
  });

  test('a heartbeat at the millisecond of the end begins a new session', () => {
    const world = new World();
    world.apply(heartbeat('a'), START);
    const end = START + RULES.leaseMs;
    world.apply(heartbeat('a'), end);
    expect(world.sees('v')).toMatchObject({ status: 'ONLINE', since: end });
  });

  test('while its connection is open it needs no heartbeat', () => {
    const world = new World();
    world.apply(heartbeat('a', { binding: here }), START);
    expect(world.record.sessions[0]).toMatchObject({ binding: here, expiresAt: null });
    expect(world.seesAt('v', START + LONG).status).toBe('AWAY');
    expect(world.wakeAt).toBeNull();
  });

  test('a heartbeat from elsewhere does not take the connection away', () => {
    const world = new World();
    world.apply(heartbeat('a', { binding: here }), START);
    world.apply(heartbeat('a', { activity: 'IDLE' }), START + 1000);
    expect(world.record.sessions[0]).toMatchObject({ binding: here, expiresAt: null, activity: 'IDLE' });
  });

  test('each device has its own', () => {
    const world = new World();
    world.apply(heartbeat('a', { client: 'MOBILE' }), START);
    world.apply(heartbeat('b', { client: 'WEB' }), START + 5000);
    expect(world.seesAt('v', START + RULES.leaseMs)).toMatchObject({
      status: 'ONLINE',
      since: START,
      clients: ['WEB'],
    });
    expect(world.seesAt('v', START + 5000 + RULES.leaseMs).status).toBe('OFFLINE');
  });

  test('the end of an unknown session is no change', () => {
    const world = new World();
    world.apply(heartbeat('a'), START);
    const before = world.record;
    expect(world.apply(endSession('b'), START + 1).record).toBe(before);
  });
});

describe('rule 2: a lost connection leaves a grace', () => {
  test('the session outlives it by DISCONNECT_GRACE, to the millisecond', () => {
    const world = new World();
    world.apply(heartbeat('a', { binding: here }), START);
    world.apply(disconnect(here), START + LONG);
    const end = START + LONG + RULES.graceMs;
    expect(world.record.sessions[0]).toMatchObject({ binding: null, expiresAt: end });
    expect(world.seesAt('v', end - 1).status).toBe('AWAY');
    expect(world.seesAt('v', end)).toMatchObject({ status: 'OFFLINE', since: end });
  });

  test('all sessions of the connection, and only they', () => {
    const world = new World();
    world.apply(heartbeat('a', { binding: here }), START);
    world.apply(heartbeat('b', { binding: here }), START);
    world.apply(heartbeat('c', { binding: { ...here, connection: 'other' } }), START);
    world.apply(heartbeat('d', { binding: { ...here, node: 'other' } }), START);
    world.apply(disconnect(here), START + 1);
    world.sweep(START + 1 + RULES.graceMs);
    expect(world.record.sessions.map(({ id }) => id)).toEqual(['c', 'd']);
  });

  test('reconnecting within it, through another node, is invisible to every viewer', () => {
    const world = new World();
    world.apply(heartbeat('a', { binding: here }), START);
    const before = world.sees('v');
    world.apply(disconnect(here), START + 1000);
    world.apply(heartbeat('a', { binding: there }), START + 1000 + RULES.graceMs - 1);
    world.sweep(START + 100_000);
    expect(world.sees('v')).toBe(before);
    expect(world.record.sessions[0]).toMatchObject({ binding: there, expiresAt: null });
  });

  test('the late end of the old connection is ignored', () => {
    const world = new World();
    world.apply(heartbeat('a', { binding: here }), START);
    world.apply(heartbeat('a', { binding: there }), START + 1000);
    const reconnected = world.record;
    expect(world.apply(disconnect(here), START + 2000)).toMatchObject({ record: reconnected, visible: false });
    expect(world.record).toBe(reconnected);
    expect(world.apply(nodeLost('n1', START), START + 50_000).record).toBe(reconnected);
  });

  test('the same for a new connection to the same node', () => {
    const world = new World();
    world.apply(heartbeat('a', { binding: here }), START);
    world.apply(heartbeat('a', { binding: { ...here, connection: 'c9' } }), START + 1000);
    const reconnected = world.record;
    expect(world.apply(disconnect(here), START + 2000).record).toBe(reconnected);
  });
});

describe('rule 2: a dead node leaves a lease from its last renewal', () => {
  test('its sessions live until d + 2ε from then', () => {
    const world = new World();
    world.apply(heartbeat('a', { binding: here }), START);
    world.apply(nodeLost('n1', START + 5000), START + 15_000);
    const end = START + 5000 + RULES.leaseMs;
    expect(world.seesAt('v', end - 1).status).toBe('ONLINE');
    expect(world.seesAt('v', end)).toMatchObject({ status: 'OFFLINE', since: end });
  });

  test('where that is over already they end when it is noticed: nobody was seen OFFLINE before', () => {
    const world = new World();
    world.apply(heartbeat('a', { binding: here }), START);
    world.apply(nodeLost('n1', START), START + 200_000);
    expect(world.sees('v')).toMatchObject({ status: 'OFFLINE', since: START + 200_000, clients: [] });
    expect(world.record.sessions).toEqual([]);
  });

  test('its late word of a closed connection shortens nothing', () => {
    const world = new World();
    world.apply(heartbeat('a', { binding: here }), START);
    world.apply(nodeLost('n1', START), START + 1000);
    const lost = world.record;
    expect(world.apply(disconnect(here), START + 2000).record).toBe(lost);
  });
});

describe('rule 10: a node asserts again what it holds', () => {
  test('where nothing was lost there is nothing to commit', () => {
    const world = new World();
    world.apply(heartbeat('a', { binding: here }), START);
    const before = world.record;
    const held = before.sessions[0];
    expect(world.apply(reassert('a', here, held), START + 60_000)).toMatchObject({ visible: false });
    expect(world.record).toBe(before);
  });

  test('a session that was given up with the node lives on under its new incarnation, unseen', () => {
    const world = new World();
    world.apply(heartbeat('a', { binding: here }), START);
    const before = world.sees('v');
    world.apply(nodeLost('n1', START), START + 15_000);
    world.apply(reassert('a', { ...here, node: 'n1b' }, { binding: here }), START + 16_000);
    world.sweep(START + 200_000);
    expect(world.sees('v')).toBe(before);
    expect(world.record.sessions[0]).toMatchObject({ binding: { node: 'n1b' }, expiresAt: null, lastActiveAt: START });
  });

  test('the new incarnation takes over from the old one, though nobody has missed that yet', () => {
    const world = new World();
    world.apply(heartbeat('a', { binding: here }), START);
    world.apply(reassert('a', { ...here, node: 'n1b' }, { binding: here }), START + 1);
    const asserted = world.record;
    expect(asserted.sessions[0]?.binding).toEqual({ ...here, node: 'n1b' });
    expect(world.apply(nodeLost('n1', START), START + 60_000).record).toBe(asserted);
  });

  test('one that another node keeps by now is left to it', () => {
    const world = new World();
    world.apply(heartbeat('a', { binding: there }), START);
    const before = world.record;
    world.apply(reassert('a', { ...here, node: 'n1b' }, { binding: here }), START + 1);
    expect(world.record).toBe(before);
  });

  test('the stored session knows best whether the user was active', () => {
    const world = new World();
    world.apply(heartbeat('a', { binding: here, activity: 'IDLE' }), START);
    world.apply(disconnect(here), START + 1);
    world.apply(reassert('a', here, { activity: 'ACTIVE', lastActiveAt: START + 1 }), START + 2);
    expect(world.sees('v')).toMatchObject({ status: 'AWAY', since: START });
  });

  test('a record that the store has lost comes back with its sessions, none of them without a time', () => {
    const world = new World();
    const idle = { activity: 'IDLE', lastActiveAt: START - 9000 } as const;
    world.apply(reassert('a', here, idle), START);
    expect(world.sees('v')).toMatchObject({ status: 'AWAY', since: START, lastActiveAt: START });
    expect(world.record.lastActiveAt).toBe(START - 9000);
  });

  test('activity longer ago than AWAY_AFTER does not come back as activity', () => {
    const world = new World();
    world.apply(reassert('a', here, { lastActiveAt: START - RULES.awayAfterMs }), START);
    expect(world.sees('v').status).toBe('AWAY');
  });

  test('one that was ended stays ended, until its client begins it anew', () => {
    const world = new World();
    world.apply(heartbeat('a', { binding: here }), START);
    world.apply(endSession('a'), START + 1);
    const before = world.record;
    world.apply(reassert('a', { ...here, node: 'n1b' }, { binding: here }), START + 2);
    expect(world.record).toBe(before);
    world.apply(heartbeat('a', { binding: there }), START + 3);
    world.apply(disconnect(there), START + 4);
    world.apply(reassert('a', { ...there, node: 'n2b' }, { binding: there }), START + 5);
    expect(world.record.sessions[0]).toMatchObject({ expiresAt: null });
  });
});
