import { describe, expect, test } from 'vitest';
import { EMPTY_RECORD, hiddenFrom, stamp, view } from '../../src/presence/record.ts';
import { lacks, restore } from '../../src/presence/restore.ts';
import { transition } from '../../src/presence/transition.ts';
import { RULES, START, World } from '../support/presence-world.ts';

const BEAT = { type: 'heartbeat', sessionId: 's', client: 'WEB', activity: 'ACTIVE', binding: null } as const;
const HIDE = { type: 'setVisibility', invisible: true, hideFrom: [], showTo: [] } as const;
const HIDE_FROM_EVE = { type: 'setVisibility', invisible: null, hideFrom: ['eve'], showTo: [] } as const;
const SAY = { type: 'setCustomStatus', text: 'here', emoji: null, expiresAt: null } as const;
const OVERRIDE = {
  type: 'setOverride',
  source: 'x',
  status: 'DO_NOT_DISTURB',
  priority: 0,
  expiresAt: null,
} as const;

/** Before and after the user chose something, one second later. */
function history(...commands: readonly Parameters<World['apply']>[0][]) {
  const world = new World(RULES);
  world.apply(BEAT, START);
  const before = world.record;
  for (const command of commands) world.apply(command, START + 1_000);
  return { before, after: world.record };
}

/** What becomes of a record into which something is brought back at `now`. */
function settled(record: Parameters<typeof restore>[0], known: typeof record, now: number): typeof record {
  const whole = restore(record, known);
  return stamp(transition(whole, { type: 'tick' }, now, RULES).record, Math.max(whole.rev + 1, now * 1_000));
}

describe('rule 5.6: what the store has lost of what somebody has chosen is brought back', () => {
  test('only choices count as chosen, each kind by itself: no heartbeat, and no end of an override', () => {
    const world = new World(RULES);
    world.apply(BEAT, START);
    expect(world.record.chosen).toBeUndefined();
    const override = { type: 'setOverride', source: 'x', status: 'AWAY', priority: 0, expiresAt: START + 100 } as const;
    world.apply(override, START + 1);
    const overrides = { rev: world.record.rev };
    expect(world.record.chosen).toEqual({ overrides });
    world.sweep(START + 200);
    world.apply(BEAT, START + 300);
    world.apply({ type: 'clearOverride', source: 'x' }, START + 400);
    expect(world.record.rev).toBeGreaterThan(overrides.rev);
    expect(world.record.chosen).toEqual({ overrides });
    world.apply(SAY, START + 500);
    const customStatus = { rev: world.record.rev };
    expect(world.record.chosen).toEqual({ overrides, customStatus });
    world.apply(HIDE, START + 600);
    expect(world.record.chosen).toEqual({ overrides, customStatus, visibility: { rev: world.record.rev } });
  });

  test('who has hidden is hidden again, and looks as they did', () => {
    const { before, after } = history(HIDE);
    const healed = settled(before, after, START + 2_000);
    expect(healed.everyone.hidden).toBe(true);
    expect(view(healed, 'ada')).toEqual(view(after, 'ada'));
    expect(healed.rev).toBeGreaterThan(after.rev);
    expect(healed.sessions).toEqual(before.sessions);
  });

  test('also from some people one by one, and from nobody else', () => {
    const { before, after } = history(HIDE_FROM_EVE);
    const healed = settled(before, after, START + 2_000);
    expect(hiddenFrom(healed)).toEqual(['eve']);
    expect(view(healed, 'eve')).toEqual(view(after, 'eve'));
    expect(view(healed, 'ada')).toEqual(view(before, 'ada'));
  });

  test('whoever had come out of hiding is out of it', () => {
    const { after: hidden } = history(HIDE_FROM_EVE);
    const world = new World(RULES);
    world.record = hidden;
    world.apply({ type: 'setVisibility', invisible: null, hideFrom: [], showTo: ['eve'] }, START + 3_000);
    const healed = settled(hidden, world.record, START + 4_000);
    expect(hiddenFrom(healed)).toEqual([]);
    expect(view(healed, 'eve').status).toBe('ONLINE');
  });

  test('heartbeats that the store has taken since do not stand in the way', () => {
    const { before, after } = history(HIDE, SAY);
    const since = stamp(transition(before, BEAT, START + 5_000, RULES).record, (START + 5_000) * 1_000);
    expect(since.rev).toBeGreaterThan(after.rev);
    const healed = settled(since, after, START + 6_000);
    expect(healed).toMatchObject({ customStatus: { text: 'here' }, everyone: { hidden: true } });
    expect(healed.sessions).toEqual(since.sessions);
  });

  test('one who was shown since goes OFFLINE for those who saw it, with a later revision', () => {
    const { before, after } = history(HIDE);
    const later = START + 5_000;
    const shown = transition({ ...before, sessions: [] }, { ...BEAT, client: 'MOBILE' }, later, RULES);
    const since = stamp(shown.record, later * 1_000);
    expect(view(since, 'ada').rev).toBeGreaterThan(view(after, 'ada').rev);
    const healed = settled(since, after, START + 6_000);
    expect(view(healed, 'ada')).toMatchObject({ status: 'OFFLINE', rev: healed.rev });
  });

  test('a choice of the same kind made since is left alone', () => {
    const { before, after } = history(SAY);
    const world = new World(RULES);
    world.record = before;
    world.apply({ ...SAY, text: 'gone' }, START + 5_000);
    expect(lacks(world.record, after)).toBe(false);
    expect(restore(world.record, after)).toBe(world.record);
    expect(restore(after, before)).toBe(after);
    expect(restore(after, after)).toBe(after);
    expect(restore(EMPTY_RECORD, before)).toBe(EMPTY_RECORD);
  });

  test('a choice of another kind made since does not stand in the way, and stays', () => {
    const { before, after } = history(HIDE, { ...SAY, text: 'lost' }, OVERRIDE);
    const world = new World(RULES);
    world.record = before;
    world.apply(SAY, START + 5_000);
    expect(lacks(world.record, after)).toBe(true);
    const healed = settled(world.record, after, START + 6_000);
    expect(healed).toMatchObject({
      everyone: { hidden: true },
      customStatus: { text: 'here' },
      overrides: [{ source: 'x', status: 'DO_NOT_DISTURB' }],
    });
    expect(healed.chosen).toEqual({ ...after.chosen, customStatus: world.record.chosen?.customStatus });
    expect(lacks(healed, after)).toBe(false);
  });

  test('rule 7.3: a custom status set since is not shown by who had hidden', () => {
    const { before, after } = history(HIDE);
    const world = new World(RULES);
    world.record = before;
    world.apply(SAY, START + 5_000);
    const healed = settled(world.record, after, START + 6_000);
    expect(view(healed, 'ada')).toMatchObject({ status: 'OFFLINE', customStatus: null, rev: healed.rev });
  });

  test('a hiding taken back since stays so when another choice is brought back', () => {
    const { before, after } = history(HIDE, HIDE_FROM_EVE, SAY);
    const world = new World(RULES);
    world.record = before;
    world.apply(HIDE_FROM_EVE, START + 5_000);
    world.apply({ ...HIDE_FROM_EVE, hideFrom: [], showTo: ['eve'] }, START + 6_000);
    const healed = settled(world.record, after, START + 7_000);
    expect(hiddenFrom(healed)).toEqual([]);
    for (const viewer of ['ada', 'eve'])
      expect(view(healed, viewer)).toMatchObject({ status: 'ONLINE', customStatus: { text: 'here' } });
  });

  test('rule 7.3: who was hidden from one by one before is shown what they were, by then', () => {
    const world = new World(RULES);
    world.apply(BEAT, START);
    const before = world.record;
    world.apply(HIDE_FROM_EVE, START + 1_000);
    world.apply(HIDE, START + 2_000);
    world.apply({ ...HIDE_FROM_EVE, hideFrom: [], showTo: ['eve'] }, START + 3_000);
    const healed = settled(before, world.record, START + 4_000);
    for (const viewer of ['ada', 'eve']) expect(view(healed, viewer)).toEqual(view(world.record, viewer));
  });

  test('a choice of which the kind is not told counts as none', () => {
    const { before, after } = history(HIDE);
    const old: typeof before = JSON.parse(JSON.stringify({ ...before, chosen: { rev: after.rev + 1 } }));
    expect(lacks(EMPTY_RECORD, old)).toBe(false);
    const healed = settled(old, after, START + 2_000);
    expect(healed.everyone.hidden).toBe(true);
    expect(lacks(healed, after)).toBe(false);
  });

  test('rule 7: in a store that has lost everything, who had hidden looks like who had gone', () => {
    const now = START + 9_000;
    const hiding = new World(RULES);
    hiding.apply(BEAT, START);
    hiding.apply(SAY, START + 500);
    const gone = new World(RULES);
    gone.record = hiding.record;
    hiding.apply(HIDE, START + 1_000);
    gone.apply({ type: 'endSession', sessionId: 's' }, START + 1_000);
    const views = [hiding, gone].map(({ record }) => view(settled(EMPTY_RECORD, record, now), 'ada'));
    const [of, than] = views.map(({ rev: _, ...contents }) => contents);
    expect(of).toEqual(than);
    expect(of).toMatchObject({ status: 'OFFLINE', customStatus: { text: 'here' } });
  });
});
