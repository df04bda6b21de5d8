import { describe, expect, test } from 'vitest';
import { RollcallError } from '../../src/errors.ts';
import type { Command } from '../../src/presence/command.ts';
import { boundNodes, EMPTY_RECORD, hiddenFrom, type PresenceRecord, stamp, view } from '../../src/presence/record.ts';
import { MAX_HIDDEN_FROM, MAX_OVERRIDES, MAX_SESSIONS } from '../../src/presence/rules.ts';
import { UNCOMMITTED } from '../../src/presence/time.ts';
import { transition } from '../../src/presence/transition.ts';
import {
  customStatus,
  disconnect,
  heartbeat,
  hideFrom,
  override,
  reassert,
  showTo,
  visibility,
} from '../support/presence-commands.ts';
import { RULES, START, World } from '../support/presence-world.ts';

function refusal(world: World, command: Command, now: number): RollcallError {
  const before = world.record;
  try {
    world.apply(command, now);
  } catch (error) {
    expect(world.record).toBe(before);
    if (error instanceof RollcallError) return error;
    throw error;
  }
  throw new Error(`${command.type} was not refused.`);
}

const numbered = (count: number, prefix: string): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}${index}`);

describe('a record is bounded', () => {
  test('in sessions; what ended makes room', () => {
    const world = new World();
    for (const id of numbered(MAX_SESSIONS, 's')) world.apply(heartbeat(id), START);
    expect(refusal(world, heartbeat('more'), START).code).toBe('LIMIT_EXCEEDED');
    const binding = { node: 'n1', connection: 'c1' };
    expect(refusal(world, reassert('more', binding), START).code).toBe('LIMIT_EXCEEDED');
    world.apply(heartbeat('s0'), START + 1);
    world.apply(heartbeat('more'), START + RULES.leaseMs);
    expect(world.record.sessions.map(({ id }) => id)).toEqual(['s0', 'more']);
  });

  test('in overrides; one source may always replace its own', () => {
    const world = new World();
    for (const source of numbered(MAX_OVERRIDES, 'o')) world.apply(override('AWAY', { source }), START);
    expect(refusal(world, override('AWAY', { source: 'more' }), START).code).toBe('LIMIT_EXCEEDED');
    world.apply(override('ONLINE', { source: 'o0' }), START);
    expect(world.record.overrides).toHaveLength(MAX_OVERRIDES);
  });

  test('in people to hide from; one may be swapped for another', () => {
    const world = new World();
    const people = numbered(MAX_HIDDEN_FROM, 'p');
    world.apply(hideFrom(...people, ...people), START);
    expect(hiddenFrom(world.record)).toHaveLength(MAX_HIDDEN_FROM);
    expect(refusal(world, hideFrom('more'), START).code).toBe('LIMIT_EXCEEDED');
    world.apply(hideFrom('p0'), START);
    world.apply(showTo('p0'), START);
    world.apply(hideFrom('more'), START);
    expect(hiddenFrom(world.record)).toContain('more');
  });
});

describe('a time that has passed is refused', () => {
  test.each([
    ['before now', -1],
    ['now', 0],
  ])('%s', (_, wait) => {
    const world = new World();
    for (const command of [override('AWAY', { expiresAt: START + wait }), customStatus('x', START + wait)]) {
      expect(refusal(world, command, START)).toMatchObject({ code: 'BAD_USER_INPUT', argument: 'expiresAt' });
    }
    world.apply(override('AWAY', { expiresAt: START + 1 }), START);
    expect(world.wakeAt).toBe(START + 1);
  });
});

describe('hostile ids', () => {
  const HOSTILE = ['__proto__', 'constructor', 'hasOwnProperty', 'toString', '', '0', '-1', '\u0000'];

  test('rule 7: they are hidden from and shown to like any other', () => {
    const world = new World();
    world.apply(heartbeat('a'), START);
    const shown = world.sees('v');
    for (const id of HOSTILE) expect(world.sees(id)).toBe(shown);
    world.apply(hideFrom(...HOSTILE), START + 1);
    expect(hiddenFrom(world.record)).toEqual([...HOSTILE].sort());
    const read: PresenceRecord = JSON.parse(JSON.stringify(world.record));
    for (const id of HOSTILE) {
      expect(world.sees(id)).toMatchObject({ status: 'OFFLINE', since: START + 1 });
      expect(view(read, id)).toEqual(world.sees(id));
    }
    expect(world.sees('v')).toBe(shown);
    expect(transition(read, heartbeat('a'), START + 2, RULES).record.everyone.view).toEqual(shown);
    world.apply(showTo(...HOSTILE), START + 3);
    expect(hiddenFrom(world.record)).toEqual([]);
    for (const id of HOSTILE) expect(world.sees(id)).toMatchObject({ status: 'ONLINE', since: START + 3 });
  });

  test('nothing leaks into other objects', () => {
    const world = new World();
    world.apply(visibility({ invisible: true, hideFrom: HOSTILE }), START);
    expect(Object.keys(Object.prototype)).toEqual([]);
    expect(Object.getPrototypeOf(world.record.apart)).toBe(Object.prototype);
    expect('hidden' in {}).toBe(false);
  });

  test('they name sessions and sources', () => {
    const world = new World();
    for (const id of HOSTILE) world.apply(heartbeat(id), START);
    for (const source of HOSTILE) world.apply(override('AWAY', { source }), START);
    expect(world.record.sessions).toHaveLength(HOSTILE.length);
    expect(world.record.overrides).toHaveLength(HOSTILE.length);
  });
});

describe('stamp', () => {
  test('gives its revision to the record and to the views that this commit made, and to no other', () => {
    const world = new World();
    world.apply(heartbeat('a'), START);
    const first = world.record.everyone;
    const { record } = transition(world.record, hideFrom('v'), START + 1, RULES);
    expect(record.rev).toBe(world.record.rev);
    expect(view(record, 'v').rev).toBe(UNCOMMITTED);
    const stamped = stamp(record, 4711);
    expect(stamped.rev).toBe(4711);
    expect(view(stamped, 'v')).toEqual({ ...view(record, 'v'), rev: 4711 });
    expect(stamped.everyone).toBe(first);
    expect(view(record, 'v').rev).toBe(UNCOMMITTED);
    expect(stamp(stamped, 5000)).toEqual({ ...stamped, rev: 5000 });
  });
});

describe('a transition', () => {
  test('leaves the record that it is given as it was', () => {
    const world = new World();
    world.apply(heartbeat('a'), START);
    world.apply(hideFrom('v'), START);
    const before = JSON.stringify(world.record);
    for (const command of [heartbeat('b'), showTo('v'), override('AWAY'), customStatus('x')]) {
      transition(world.record, command, START + RULES.leaseMs, RULES);
    }
    expect(JSON.stringify(world.record)).toBe(before);
    expect(EMPTY_RECORD).toMatchObject({ rev: 0, sessions: [], apart: {} });
  });

  test('boundNodes names each incarnation that keeps a session, once', () => {
    const world = new World();
    const binding = { node: 'n1', connection: 'c1' };
    world.apply(heartbeat('a', { binding }), START);
    world.apply(heartbeat('b', { binding: { ...binding, connection: 'c2' } }), START);
    world.apply(heartbeat('c', { binding: { ...binding, node: 'n2' } }), START);
    world.apply(heartbeat('d'), START);
    expect([...boundNodes(world.record)]).toEqual(['n1', 'n2']);
    world.apply(disconnect({ node: 'n2', connection: 'c1' }), START + 1);
    expect([...boundNodes(world.record)]).toEqual(['n1']);
  });
});
