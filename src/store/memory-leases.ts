import type { NodeId, UserId } from '../presence/record.ts';
import type { Clock, Millis } from '../presence/time.ts';
import type { LeaseTerms, LostNode, NodeLeases } from './port.ts';

/** For how long a forgotten node is remembered. */
const REMEMBER_MS: Millis = 86_400_000;

interface Lease {
  terms: LeaseTerms;
  renewedAt: Millis;
  /** Found dead; it stays so. */
  lost: boolean;
}

/** The leases of the embedded engine, by the same rules as those in Redis. */
export class MemoryLeases implements NodeLeases {
  readonly #clock: Clock;
  readonly #mustBeOpen: () => void;
  readonly #leases = new Map<NodeId, Lease>();
  readonly #members = new Map<NodeId, Set<UserId>>();
  /** When nodes were forgotten, the first one first. */
  readonly #forgotten = new Map<NodeId, Millis>();

  constructor(clock: Clock, mustBeOpen: () => void) {
    this.#clock = clock;
    this.#mustBeOpen = mustBeOpen;
  }

  async renew(node: NodeId, terms: LeaseTerms, first: boolean): Promise<boolean> {
    this.#mustBeOpen();
    const now = this.#clock.now();
    const lease = this.#leases.get(node);
    if (!lease) {
      if (first) this.#leases.set(node, { terms, renewedAt: now, lost: false });
      return first;
    }
    if (lease.lost || lease.renewedAt + lease.terms.ms <= now) return false;
    lease.terms = terms;
    lease.renewedAt = Math.max(lease.renewedAt, now);
    return true;
  }

  async lost(): Promise<LostNode[]> {
    this.#mustBeOpen();
    const now = this.#clock.now();
    const lost: LostNode[] = [];
    for (const [node, lease] of this.#leases) {
      lease.lost ||= lease.renewedAt + lease.terms.ms <= now;
      if (lease.lost) lost.push({ node, renewedAt: lease.renewedAt });
    }
    return lost;
  }

  async adopt(): Promise<number> {
    this.#mustBeOpen();
    // Nothing is lost here.
    return 0;
  }

  async settings(): Promise<string[]> {
    this.#mustBeOpen();
    const running = [...this.#leases.values()].filter(({ lost }) => !lost);
    return [...new Set(running.map(({ terms }) => terms.settings))];
  }

  async members(node: NodeId, limit: number): Promise<UserId[]> {
    this.#mustBeOpen();
    const page: UserId[] = [];
    for (const userId of this.#members.get(node) ?? []) {
      if (page.length >= limit) break;
      page.push(userId);
    }
    return page;
  }

  /** A node to which somebody is bound still is not forgotten, and not an error: it will be found lost. */
  async forget(node: NodeId): Promise<void> {
    this.#mustBeOpen();
    if (this.#members.has(node)) return;
    const now = this.#clock.now();
    for (const [other, at] of this.#forgotten) {
      if (at > now - REMEMBER_MS) break;
      this.#forgotten.delete(other);
    }
    this.#forgotten.set(node, now);
    this.#leases.delete(node);
  }

  /** Nobody can be bound to it any more. */
  isForgotten(node: NodeId): boolean {
    return this.#forgotten.has(node);
  }

  /** Part of a commit: the user has a session bound to exactly `after`, where it was `before`. */
  move(userId: UserId, before: ReadonlySet<NodeId>, after: ReadonlySet<NodeId>): void {
    for (const node of before) {
      if (after.has(node)) continue;
      const members = this.#members.get(node);
      members?.delete(userId);
      if (members?.size === 0) this.#members.delete(node);
    }
    for (const node of after) {
      if (before.has(node)) continue;
      const members = this.#members.get(node) ?? new Set();
      this.#members.set(node, members.add(userId));
    }
  }
}
