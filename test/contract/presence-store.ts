import { describe, expect, test } from 'vitest';
import { commitContract } from './presence-store-commits.ts';
import { leaseContract } from './presence-store-leases.ts';
import { listeningContract } from './presence-store-listening.ts';
import { freshStore, type StartStore } from './presence-store-setting.ts';

/** What every presence store does. `start` gives a new, empty one. */
export function presenceStoreContract(name: string, start: StartStore): void {
  describe(`presence store, ${name}`, () => {
    describe('one dataset', () => {
      const shared = freshStore(start);

      test('all nodes agree on its name, its partitions and who is in which', async () => {
        const { here, there } = shared();
        expect(here.ready()).toBe(true);
        expect(here.lineage().length).toBeGreaterThan(8);
        expect(there.lineage()).toBe(here.lineage());
        expect(there.partitions).toBe(here.partitions);
        for (let index = 0; index < 1_000; index++) {
          const partition = here.partitionOf(`user-${index}`);
          expect(there.partitionOf(`user-${index}`)).toBe(partition);
          expect(partition).toBeGreaterThanOrEqual(0);
          expect(partition).toBeLessThan(here.partitions);
        }
      });
    });

    commitContract(start);
    listeningContract(start);
    leaseContract(start);
  });
}
