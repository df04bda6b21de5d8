import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { unavailable } from '../../src/errors.ts';
import type { NodeId } from '../../src/presence/record.ts';
import { NodeLease } from '../../src/service/node-lease.ts';
import type { LeaseTerms, NodeLeases } from '../../src/store/port.ts';
import { eventually } from '../contract/presence-store-setting.ts';
import { quiet } from '../support/quiet.ts';

const TERMS = { ms: 60_000, settings: '' };
const RENEW_MS = 20;

/** Leases that a test takes away. */
class UnsteadyLeases implements NodeLeases {
  readonly taken: NodeId[] = [];
  #known: NodeId | null = null;
  /** How many of the next new leases cannot be taken. */
  refusals = 0;

  forgetAll(): void {
    this.#known = null;
  }

  async renew(node: NodeId, _terms: LeaseTerms, first: boolean): Promise<boolean> {
    if (!first) return node === this.#known;
    if (this.refusals-- > 0) throw unavailable('The line is broken.');
    this.#known = node;
    this.taken.push(node);
    return true;
  }

  async lost() {
    return [];
  }

  async adopt(): Promise<number> {
    return 0;
  }

  async settings() {
    return [];
  }

  async members() {
    return [];
  }

  async forget(): Promise<void> {}
}

describe('the lease of a node', () => {
  let leases: UnsteadyLeases;
  let lease: NodeLease;
  let reached: (number | null)[];
  let renamed: number;
  /** How often each event throws yet. */
  let faults: { renamed: number; reached: number };

  beforeEach(() => {
    leases = new UnsteadyLeases();
    reached = [];
    renamed = 0;
    faults = { renamed: 0, reached: 0 };
    const mayFail = (event: 'renamed' | 'reached'): void => {
      if (faults[event]-- > 0) throw new Error('a fault of ours');
    };
    lease = new NodeLease({ leases, reach: async () => true }, TERMS, RENEW_MS, quiet, {
      renamed: () => {
        renamed += 1;
        mayFail('renamed');
      },
      reached: (silentMs) => {
        reached.push(silentMs);
        mayFail('reached');
      },
    });
  });
  afterEach(() => lease.close());

  it('rule 10.3: what could not be done at a renewal is asked for until it is, and nothing is judged before', async () => {
    faults.reached = 2;
    await lease.start();
    expect(lease.inTouch).toBe(false);
    await eventually(
      async () => lease.inTouch,
      (inTouch) => inTouch,
    );
    expect(reached.slice(0, 3)).toEqual(Array(3).fill(Number.POSITIVE_INFINITY));
    expect(leases.taken).toEqual([lease.node]);
  });

  it('rule 2.9: that the lease was lost is told until it has been heard', async () => {
    await lease.start();
    faults.renamed = 2;
    leases.forgetAll();
    await eventually(
      async () => renamed,
      (count) => count === 3,
    );
    const before = reached.length;
    await eventually(
      async () => reached.length,
      (count) => count > before + 2,
    );
    expect(renamed).toBe(3);
    expect(leases.taken).toHaveLength(2);
  });

  it('rule 2.9: a new lease that cannot be taken at once costs one name', async () => {
    await lease.start();
    const before = lease.incarnations;
    leases.refusals = 3;
    leases.forgetAll();
    await eventually(
      async () => leases.taken.length,
      (count) => count === 2,
    );
    expect(before).toHaveLength(1);
    expect(lease.incarnations).toEqual(leases.taken);
  });
});
