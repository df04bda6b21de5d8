import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { notBefore } from '../../src/presence/derive.ts';
import { hiddenFrom, type PresenceRecord, stamp, view } from '../../src/presence/record.ts';
import type { Millis } from '../../src/presence/time.ts';
import { transition } from '../../src/presence/transition.ts';
import {
  countedFrom,
  play,
  rules,
  SESSION_IDS,
  SOURCES,
  schedule,
  steps,
  VIEWERS,
} from '../support/presence-arbitraries.ts';
import { clearOverride, endSession, heartbeat, NOT_INVISIBLE, showTo, TICK } from '../support/presence-commands.ts';
import { START, shown, unrevised, World } from '../support/presence-world.ts';

const SEED = 20261123;
const RUNS = { seed: SEED, numRuns: 300 };

describe('rule 11: time is an argument', () => {
  test('rules 1, 3: looking at a record more often, or later, never changes what becomes of it', () => {
    const looks = fc.array(fc.integer({ min: 0, max: 250 }), { maxLength: 12 });
    fc.assert(
      fc.property(rules, steps(25), looks, (rules, given, looks) => {
        const events = schedule(given, START);
        const seldom = new World(rules);
        const often = new World(rules);
        const ticks = looks.map((wait) => START + wait).sort((a, b) => a - b);
        for (const { at, command } of events) {
          while (ticks[0] !== undefined && ticks[0] <= at) often.apply(TICK, ticks.shift() ?? at);
          often.sweep(at);
          often.apply(TICK, at);
          often.apply(command, at);
          often.apply(TICK, at);
          seldom.apply(command, at);
          expect(unrevised(often.record)).toEqual(unrevised(seldom.record));
        }
      }),
      RUNS,
    );
  });

  test('a record is due exactly when time changes it: nothing before wakeAt, something at wakeAt', () => {
    fc.assert(
      fc.property(rules, steps(15), fc.nat(), (rules, given, chance) => {
        const world = new World(rules);
        for (const { at, command } of schedule(given, START)) {
          const { record, wakeAt } = world.apply(command, at);
          if (wakeAt === null) {
            expect(transition(record, TICK, at + 1_000_000, rules).record).toBe(record);
          } else {
            expect(wakeAt).toBeGreaterThan(at);
            for (const early of [at, at + (chance % (wakeAt - at)), wakeAt - 1]) {
              const before = transition(record, TICK, early, rules);
              expect(before.record).toBe(record);
              expect(before).toMatchObject({ wakeAt, visible: false });
            }
            expect(transition(record, TICK, wakeAt, rules).record).not.toBe(record);
          }
        }
      }),
      RUNS,
    );
  });

  test('a record left alone comes to rest', () => {
    fc.assert(
      fc.property(rules, steps(15), (rules, given) => {
        const world = new World(rules);
        play(world, schedule(given, START));
        let sweeps = 0;
        world.sweep(Number.MAX_SAFE_INTEGER, () => {
          sweeps += 1;
          expect(sweeps).toBeLessThan(100);
        });
        expect(world.record.sessions.every(({ binding }) => binding !== null)).toBe(true);
      }),
      RUNS,
    );
  });
});

test('rule 4: for each viewer revision, since and lastActiveAt never decrease, though clocks jump and nodes disagree', () => {
  const jumps = fc.array(fc.tuple(fc.integer({ min: -30, max: 10 }), fc.integer({ min: -5, max: 5 })), {
    minLength: 25,
    maxLength: 25,
  });
  fc.assert(
    fc.property(rules, steps(25), jumps, (rules, given, jumps) => {
      const world = new World(rules);
      let storeNow: Millis = START;
      given.forEach(({ wait, command: step }, index) => {
        const [jump, error] = jumps[index] ?? [0, 0];
        storeNow += wait + Math.min(jump, 0);
        const now = storeNow + error;
        const before = world.record;
        const command = countedFrom(notBefore(before, now), step);
        const seen = VIEWERS.map((viewer) => world.sees(viewer));
        const { record } = world.apply(command, now, storeNow);
        if (record !== before) expect(record.rev).toBeGreaterThan(before.rev);
        VIEWERS.forEach((viewer, index) => {
          const was = seen[index];
          const is = world.sees(viewer);
          if (was === undefined) throw new Error('Every viewer has looked.');
          expect(is.rev).toBeGreaterThanOrEqual(was.rev);
          if (is.rev === was.rev) expect(is).toEqual(was);
          expect(is.rev).toBeLessThanOrEqual(record.rev);
          expect(is.since ?? 0).toBeGreaterThanOrEqual(was.since ?? 0);
          expect(is.lastActiveAt ?? 0).toBeGreaterThanOrEqual(was.lastActiveAt ?? 0);
        });
      });
    }),
    RUNS,
  );
});

test('rule 3: what did not change is the same object, and a change that nobody can see is not visible', () => {
  fc.assert(
    fc.property(rules, steps(25), (rules, given) => {
      const world = new World(rules);
      for (const { at, command } of schedule(given, START)) {
        world.sweep(at);
        const before = world.record;
        const { record, visible } = transition(before, command, at, rules);
        world.apply(command, at);
        for (const part of ['sessions', 'overrides', 'customStatus', 'everyone', 'apart'] as const) {
          if (equal(before[part], record[part])) expect(record[part], part).toBe(before[part]);
        }
        if (equal(before, record)) expect(record).toBe(before);
        const seen = (record: PresenceRecord): unknown => VIEWERS.map((viewer) => shown(view(record, viewer)));
        if (!equal(seen(before), seen(record))) expect(visible).toBe(true);
        if (record === before) expect(visible).toBe(false);
      }
    }),
    RUNS,
  );
});

describe('rule 7: a record does not grow with those who were hidden from once', () => {
  test('nobody is kept apart who could not tell the difference', () => {
    fc.assert(
      fc.property(rules, steps(25), (rules, given) => {
        const world = new World(rules);
        play(world, schedule(given, START), () => {
          const { apart, everyone } = world.record;
          for (const audience of Object.values(apart)) {
            expect(audience.hidden || !equal(audience, { ...everyone, hidden: false })).toBe(true);
          }
        });
      }),
      RUNS,
    );
  });

  test('the next arrival of the user leaves nobody apart who is not hidden from', () => {
    fc.assert(
      fc.property(rules, steps(25), (rules, given) => {
        const world = new World(rules);
        const events = schedule(given, START);
        play(world, events);
        const at = (events.at(-1)?.at ?? START) + 1;
        const leave = [...SESSION_IDS.map((id) => endSession(id)), ...SOURCES.map((source) => clearOverride(source))];
        for (const command of [NOT_INVISIBLE, showTo('v'), ...leave]) world.apply(command, at);
        world.apply(heartbeat('a'), at + 1);
        expect(Object.keys(world.record.apart)).toEqual(hiddenFrom(world.record));
        expect(world.sees('v')).toBe(world.record.everyone.view);
      }),
      RUNS,
    );
  });
});

test('a record survives JSON and stamping as it is', () => {
  fc.assert(
    fc.property(rules, steps(25), (rules, given) => {
      const world = new World(rules);
      play(world, schedule(given, START));
      const read: PresenceRecord = JSON.parse(JSON.stringify(world.record));
      expect(read).toEqual(world.record);
      expect(stamp(read, read.rev)).toEqual(world.record);
      for (const viewer of VIEWERS) expect(view(read, viewer)).toEqual(world.sees(viewer));
    }),
    RUNS,
  );
});

function equal(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
