import { describe, expect, test } from 'vitest';
import { clearOverride, customStatus, endSession, heartbeat, override } from '../support/presence-commands.ts';
import { RULES, START, World } from '../support/presence-world.ts';

const IDLE = { activity: 'IDLE' } as const;
const BOUND = { binding: { node: 'n1', connection: 'c1' } };

describe('rule 1: status is derived from the sessions', () => {
  test('who was never seen is OFFLINE, without any time', () => {
    expect(new World().sees('v')).toEqual({
      rev: 0,
      status: 'OFFLINE',
      since: null,
      lastActiveAt: null,
      clients: [],
      customStatus: null,
    });
  });

  test('one active device among many makes ONLINE; only idle ones make AWAY; none makes OFFLINE', () => {
    const world = new World();
    world.apply(heartbeat('phone', { ...IDLE, client: 'MOBILE' }), START);
    expect(world.sees('v').status).toBe('AWAY');
    world.apply(heartbeat('laptop', { client: 'DESKTOP' }), START + 10);
    world.apply(heartbeat('tab', { ...IDLE, client: 'WEB' }), START + 20);
    expect(world.sees('v')).toMatchObject({ status: 'ONLINE', since: START + 10 });
    world.apply(endSession('laptop'), START + 30);
    expect(world.sees('v')).toMatchObject({ status: 'AWAY', since: START + 30, lastActiveAt: START + 10 });
    world.apply(endSession('phone'), START + 40);
    expect(world.sees('v')).toMatchObject({ status: 'AWAY', since: START + 30 });
    world.apply(endSession('tab'), START + 50);
    expect(world.sees('v')).toMatchObject({ status: 'OFFLINE', since: START + 50, lastActiveAt: START + 10 });
  });

  test('clients are the distinct kinds online, sorted; a session may change its kind', () => {
    const world = new World();
    for (const [id, client] of Object.entries({ a: 'WEB', b: 'MOBILE', c: 'WEB', d: 'DESKTOP' } as const)) {
      world.apply(heartbeat(id, { client }), START);
    }
    expect(world.sees('v').clients).toEqual(['DESKTOP', 'MOBILE', 'WEB']);
    world.apply(endSession('a'), START + 1);
    expect(world.sees('v').clients).toEqual(['DESKTOP', 'MOBILE', 'WEB']);
    world.apply(heartbeat('c', { client: 'OTHER' }), START + 2);
    expect(world.sees('v')).toMatchObject({ clients: ['DESKTOP', 'MOBILE', 'OTHER'], since: START });
  });

  test('a session is idle from the very millisecond AWAY_AFTER after its last activity', () => {
    const world = new World();
    world.apply(heartbeat('a', BOUND), START);
    const idleAt = START + RULES.awayAfterMs;
    expect(world.wakeAt).toBe(idleAt);
    expect(world.seesAt('v', idleAt - 1).status).toBe('ONLINE');
    expect(world.seesAt('v', idleAt)).toMatchObject({ status: 'AWAY', since: idleAt, lastActiveAt: START });
    expect(world.record.sessions[0]).toMatchObject({ activity: 'IDLE', lastActiveAt: START });
  });

  test('any ACTIVE heartbeat puts idleness off; an IDLE one brings it at once', () => {
    const world = new World();
    world.apply(heartbeat('a', BOUND), START);
    world.apply(heartbeat('a', BOUND), START + 200_000);
    expect(world.seesAt('v', START + RULES.awayAfterMs).status).toBe('ONLINE');
    world.apply(heartbeat('a', { ...BOUND, ...IDLE }), START + 310_000);
    expect(world.sees('v')).toMatchObject({ status: 'AWAY', since: START + 310_000, lastActiveAt: START + 200_000 });
  });

  test('the first that is ever heard of a user counts as activity, though it is idle', () => {
    const world = new World();
    world.apply(heartbeat('a', IDLE), START);
    world.apply(heartbeat('b', IDLE), START + 500);
    expect(world.sees('v')).toMatchObject({ status: 'AWAY', lastActiveAt: START });
    expect(world.record.lastActiveAt).toBe(START);
    expect(world.record.sessions.map(({ lastActiveAt }) => lastActiveAt)).toEqual([START, START]);
  });

  test('a session that starts idle is as old as the last activity of the user', () => {
    const world = new World();
    world.apply(heartbeat('a'), START);
    world.apply(heartbeat('b', IDLE), START + 500);
    expect(world.record.sessions.map(({ lastActiveAt }) => lastActiveAt)).toEqual([START, START]);
  });
});

describe('rule 1: the topmost override is shown instead', () => {
  test('the highest priority counts, among equals the newest, also when it is set anew', () => {
    const world = new World();
    world.apply(heartbeat('a'), START);
    world.apply(override('AWAY', { source: 'calendar', priority: 5 }), START + 1);
    world.apply(override('DO_NOT_DISTURB', { source: 'user', priority: 1 }), START + 2);
    expect(world.sees('v')).toMatchObject({ status: 'AWAY', since: START + 1 });
    world.apply(override('DO_NOT_DISTURB', { source: 'user', priority: 5 }), START + 3);
    expect(world.sees('v')).toMatchObject({ status: 'DO_NOT_DISTURB', since: START + 3 });
    world.apply(override('AWAY', { source: 'calendar', priority: 5 }), START + 4);
    expect(world.sees('v')).toMatchObject({ status: 'AWAY', since: START + 4 });
    world.apply(override('ONLINE', { source: 'calendar', priority: 0 }), START + 5);
    expect(world.sees('v')).toMatchObject({ status: 'DO_NOT_DISTURB', since: START + 5 });
    world.apply(clearOverride(), START + 6);
    expect(world.sees('v')).toMatchObject({ status: 'ONLINE', since: START + 6 });
  });

  test('it replaces ONLINE and AWAY, never OFFLINE', () => {
    const world = new World();
    world.apply(override('ONLINE'), START);
    expect(world.sees('v')).toMatchObject({ status: 'OFFLINE', since: null });
    world.apply(heartbeat('a', IDLE), START + 1);
    expect(world.sees('v')).toMatchObject({ status: 'ONLINE', since: START + 1 });
    expect(world.seesAt('v', START + 1 + RULES.leaseMs)).toMatchObject({
      status: 'OFFLINE',
      since: START + 1 + RULES.leaseMs,
      clients: [],
    });
  });

  test('what lies under it shows at the very millisecond it ends, one after the other', () => {
    const world = new World();
    world.apply(heartbeat('a', BOUND), START);
    world.apply(override('AWAY', { source: 'lunch', priority: 1, expiresAt: START + 2000 }), START);
    world.apply(override('DO_NOT_DISTURB', { source: 'call', priority: 2, expiresAt: START + 1000 }), START);
    expect(world.seesAt('v', START + 999).status).toBe('DO_NOT_DISTURB');
    expect(world.seesAt('v', START + 1000)).toMatchObject({ status: 'AWAY', since: START + 1000 });
    expect(world.seesAt('v', START + 1999).status).toBe('AWAY');
    expect(world.seesAt('v', START + 2000)).toMatchObject({ status: 'ONLINE', since: START + 2000 });
    expect(world.record.overrides).toEqual([]);
  });

  test('an idle session shows as AWAY when the override over it ends', () => {
    const world = new World();
    world.apply(heartbeat('a', BOUND), START);
    const end = START + RULES.awayAfterMs + 5;
    world.apply(override('DO_NOT_DISTURB', { expiresAt: end }), START);
    expect(world.seesAt('v', end - 1)).toMatchObject({ status: 'DO_NOT_DISTURB', since: START });
    expect(world.seesAt('v', end)).toMatchObject({ status: 'AWAY', since: end });
  });

  test('a sweep that comes late dates each change to when it was due', () => {
    const world = new World();
    world.apply(heartbeat('a', BOUND), START);
    world.apply(override('AWAY', { expiresAt: START + 1000 }), START);
    world.apply({ type: 'tick' }, START + 60_000);
    expect(world.sees('v')).toMatchObject({ status: 'ONLINE', since: START + 1000 });
  });
});

describe('custom status', () => {
  test('it is shown to friends, also while offline, and changes neither status nor since', () => {
    const world = new World();
    world.apply(heartbeat('a'), START);
    world.apply(customStatus('at sea'), START + 1);
    const atSea = { text: 'at sea', emoji: null, expiresAt: null };
    expect(world.sees('v')).toMatchObject({ status: 'ONLINE', since: START, customStatus: atSea });
    world.apply(endSession('a'), START + 2);
    expect(world.sees('v')).toMatchObject({ status: 'OFFLINE', since: START + 2, customStatus: atSea });
    world.apply({ type: 'setCustomStatus', text: null, emoji: '⛵', expiresAt: null }, START + 3);
    expect(world.sees('v').customStatus).toEqual({ text: null, emoji: '⛵', expiresAt: null });
    world.apply(customStatus(null), START + 4);
    expect(world.sees('v')).toMatchObject({ customStatus: null, since: START + 2 });
  });

  test('it ends at the very millisecond of its expiry', () => {
    const world = new World();
    world.apply(customStatus('lunch', START + 1000), START);
    expect(world.wakeAt).toBe(START + 1000);
    expect(world.seesAt('v', START + 999).customStatus).not.toBeNull();
    expect(world.seesAt('v', START + 1000).customStatus).toBeNull();
    expect(world.record.customStatus).toBeNull();
  });
});
