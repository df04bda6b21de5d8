import fc from 'fast-check';
import { expect, test } from 'vitest';
import { rules, schedule, steps, VIEWERS } from '../support/presence-arbitraries.ts';
import { expectedView } from '../support/presence-oracle.ts';
import { START, shown, World } from '../support/presence-world.ts';

test('rules 1, 2, 7: after every command each viewer is shown what the whole history amounts to', () => {
  fc.assert(
    fc.property(rules, steps(18), (rules, given) => {
      const events = schedule(given, START);
      const world = new World(rules);
      events.forEach(({ at, command }, index) => {
        world.apply(command, at);
        for (const viewer of VIEWERS) {
          expect(shown(world.sees(viewer)), viewer).toEqual(
            expectedView(events.slice(0, index + 1), viewer, START, rules),
          );
        }
      });
    }),
    { seed: 20261123, numRuns: 150 },
  );
});
