import { describe, expect, test } from 'vitest';
import type { Command } from '../../src/presence/command.ts';
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
  TICK,
  visibility,
} from '../support/presence-commands.ts';
import { START, World } from '../support/presence-world.ts';

const BOUND = { binding: { node: 'n1', connection: 'c1' } };
const IDLE = { activity: 'IDLE' } as const;

/** Online on two devices, with one of everything, hidden from `v`. */
function settled(): World {
  const world = new World();
  world.apply(heartbeat('a'), START);
  world.apply(heartbeat('b', { ...BOUND, ...IDLE }), START);
  world.apply(override('DO_NOT_DISTURB'), START);
  world.apply(customStatus('at sea'), START);
  world.apply(hideFrom('v'), START);
  return world;
}

describe('rule 3: a heartbeat that changes nothing visible publishes nothing', () => {
  test('it is committed, as the lease grew, but not visible; and the views stay the same objects', () => {
    const world = new World();
    expect(world.apply(heartbeat('a'), START).visible).toBe(true);
    const before = world.record;
    const { record, visible } = world.apply(heartbeat('a'), START + 1000);
    expect(visible).toBe(false);
    expect(record).not.toBe(before);
    expect(record.everyone.view).toBe(before.everyone.view);
    expect(record.lastActiveAt).toBe(START + 1000);
  });

  test('nor is one over a bound connection, nor one in hiding', () => {
    const world = settled();
    expect(world.apply(heartbeat('a'), START + 1000).visible).toBe(false);
    expect(world.apply(heartbeat('b', { ...BOUND, ...IDLE }), START + 1000).visible).toBe(false);
    world.apply(INVISIBLE, START + 2000);
    expect(world.apply(heartbeat('a'), START + 3000).visible).toBe(false);
  });

  test('an idle heartbeat of a bound idle session is not even committed', () => {
    const world = settled();
    const before = world.record;
    expect(world.apply(heartbeat('b', { ...BOUND, ...IDLE }), START + 60).record).toBe(before);
  });

  test.each<[string, Command]>([
    ['a new session', heartbeat('c')],
    ['another kind of client', heartbeat('a', { client: 'MOBILE' })],
    ['another activity', heartbeat('a', IDLE)],
    ['another way to live', heartbeat('a', BOUND)],
  ])('%s is visible, if only to the user', (_, command) => {
    expect(settled().apply(command, START + 1000).visible).toBe(true);
  });

  test('in hiding the user still follows their own sessions, and no viewer gets a new view', () => {
    const world = settled();
    world.apply(INVISIBLE, START + 1);
    const { everyone, apart } = world.record;
    expect(world.apply(heartbeat('c', { client: 'MOBILE' }), START + 1000).visible).toBe(true);
    expect(world.record.everyone).toBe(everyone);
    expect(world.record.apart).toBe(apart);
  });
});

describe('rule 3: what changes nothing is nothing to commit', () => {
  test.each<[string, Command]>([
    ['the passing of time', TICK],
    ['the same heartbeat twice in a millisecond', heartbeat('a')],
    ['the end of an unknown session', endSession('x')],
    ['the override that is the newest already', override('DO_NOT_DISTURB')],
    ['no override to clear', clearOverride('x')],
    ['the same custom status', customStatus('at sea')],
    ['a visibility of nothing', visibility({})],
    ['visible already', NOT_INVISIBLE],
    ['hidden from already', hideFrom('v')],
    ['shown to already', showTo('w')],
    ['hidden from and shown to at once', visibility({ hideFrom: ['w'], showTo: ['w'] })],
  ])('%s', (_, command) => {
    const world = settled();
    const before = world.record;
    expect(world.apply(command, START)).toMatchObject({ visible: false });
    expect(world.record).toBe(before);
  });

  test('no custom status to clear', () => {
    const world = new World();
    const before = world.record;
    expect(world.apply(customStatus(null), START).record).toBe(before);
  });

  test('an override set again after another one becomes the newest', () => {
    const world = settled();
    world.apply(override('AWAY', { source: 'calendar' }), START + 1);
    expect(world.apply(override('DO_NOT_DISTURB'), START + 2).visible).toBe(true);
    expect(world.record.overrides.map(({ source }) => source)).toEqual(['calendar', 'user']);
  });
});

describe('rule 3: a change of what only the user sees is visible', () => {
  test.each<[string, Command]>([
    ['an override under the topmost', override('AWAY', { source: 'calendar', priority: -1 })],
    ['the end of an idle session', endSession('b')],
    ['invisible', INVISIBLE],
    ['another one to hide from', hideFrom('w')],
    ['one less to hide from', showTo('v')],
  ])('%s', (_, command) => {
    expect(settled().apply(command, START + 1000).visible).toBe(true);
  });

  test('invisible while offline', () => {
    const world = new World();
    expect(world.apply(INVISIBLE, START).visible).toBe(true);
    expect(world.apply(NOT_INVISIBLE, START + 1).visible).toBe(true);
  });

  test('another kind of client in hiding', () => {
    const world = settled();
    world.apply(INVISIBLE, START + 1);
    expect(world.apply(heartbeat('a', { client: 'MOBILE' }), START + 2).visible).toBe(true);
  });

  test('hiding, while offline, from one who sees something else than everyone anyway', () => {
    const world = new World();
    world.apply(heartbeat('a'), START);
    world.apply(hideFrom('v'), START + 1);
    world.apply(showTo('v'), START + 2);
    world.apply(endSession('a'), START + 3);
    const before = world.sees('v');
    expect(world.apply(hideFrom('v'), START + 4).visible).toBe(true);
    expect(world.apply(showTo('v'), START + 5).visible).toBe(true);
    expect(world.sees('v')).toBe(before);
  });
});

test('rule 3: a change that only one viewer sees is visible', () => {
  const world = new World();
  world.apply(customStatus('at sea', START + 1000), START);
  world.apply(hideFrom('v'), START + 1);
  world.apply(customStatus(null), START + 2);
  expect(world.apply(TICK, START + 999)).toMatchObject({ visible: false });
  expect(world.apply(TICK, START + 1000)).toMatchObject({ visible: true });
  expect(world.sees('v').customStatus).toBeNull();
});
