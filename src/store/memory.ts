import { randomBytes } from 'node:crypto';
import { unavailable } from '../errors.ts';
import type { Logger } from '../log.ts';
import { DeadlineQueue } from '../presence/deadline-queue.ts';
import { boundNodes, EMPTY_RECORD, type PresenceRecord, stamp, type UserId } from '../presence/record.ts';
import { type Clock, type Millis, NEVER, type Revision } from '../presence/time.ts';
import { MemoryLeases } from './memory-leases.ts';
import { MonotonicClock } from './monotonic-clock.ts';
import type { Commit, CommitResult, NodeLeases, PresenceListener, PresenceStore, Unlisten } from './port.ts';

export interface MemoryStoreOptions {
  /** By default the wall clock of the moment in which the store is made, running on monotonically. */
  readonly clock?: Clock;
  /** Where listeners that threw are told of; nowhere, if left out. */
  readonly logger?: Logger;
}

/**
 * The embedded engine: presence in this process' memory, gone with it. All in one partition. Records are immutable, so
 * they are handed out as they are. Listeners are told in the order of the commits, each before its promise resolves;
 * one that throws harms neither the commit nor the others.
 */
export class MemoryPresenceStore implements PresenceStore {
  readonly clock: Clock;
  readonly partitions = 1;
  readonly gapless = true;
  readonly leases: NodeLeases;
  readonly #log: Logger | null;
  readonly #leases: MemoryLeases;
  readonly #lineage = randomBytes(9).toString('base64url');
  readonly #records = new Map<UserId, PresenceRecord>();
  readonly #deadlines = new DeadlineQueue();
  readonly #listeners = new Set<{ readonly listener: PresenceListener }>();
  readonly #untold: { readonly userId: UserId; readonly record: PresenceRecord }[] = [];
  #telling = false;
  #newest: Revision = NEVER;
  #closed = false;

  constructor(options: MemoryStoreOptions = {}) {
    this.#log = options.logger ?? null;
    this.clock = options.clock ?? new MonotonicClock();
    this.#leases = new MemoryLeases(this.clock, () => this.#mustBeOpen());
    this.leases = this.#leases;
  }

  ready(): boolean {
    return !this.#closed;
  }

  unbroken(): boolean {
    return true;
  }

  whole(): boolean {
    return !this.#closed;
  }

  async reach(): Promise<boolean> {
    return !this.#closed;
  }

  lineage(): string {
    return this.#lineage;
  }

  partitionOf(_userId: UserId): number {
    return 0;
  }

  async load(ids: readonly UserId[]): Promise<PresenceRecord[]> {
    this.#mustBeOpen();
    return ids.map((id) => this.#records.get(id) ?? EMPTY_RECORD);
  }

  /** Rejects UNAVAILABLE also when the record would be bound to a node that has been forgotten. */
  async commit({ userId, previous, record, wakeAt, visible }: Commit): Promise<CommitResult> {
    this.#mustBeOpen();
    const current = this.#records.get(userId) ?? EMPTY_RECORD;
    if (current.rev !== previous.rev) return { committed: false, record: current };
    const before = boundNodes(current);
    const after = boundNodes(record);
    for (const node of after) {
      if (!before.has(node) && this.#leases.isForgotten(node)) {
        throw unavailable('This node has lost its lease; try again.');
      }
    }
    this.#newest = Math.max(this.#newest + 1, record.rev + 1, Math.floor(this.clock.now() * 1_000));
    const committed = stamp(record, this.#newest);
    this.#records.set(userId, committed);
    this.#deadlines.set(userId, wakeAt);
    this.#leases.move(userId, before, after);
    if (visible) {
      this.#untold.push({ userId, record: committed });
      this.#tell();
    }
    return { committed: true, record: committed };
  }

  async due(now: Millis, limit: number): Promise<UserId[]> {
    this.#mustBeOpen();
    return this.#deadlines.due(now, limit);
  }

  async listen(partition: number, listener: PresenceListener): Promise<Unlisten> {
    this.#mustBeOpen();
    if (partition !== 0) throw new RangeError(`There is no partition ${partition}.`);
    const entry = { listener };
    this.#listeners.add(entry);
    return async () => void this.#listeners.delete(entry);
  }

  async caughtUp(): Promise<Revision> {
    this.#mustBeOpen();
    // Who asks from within a listener waits until the others have been told as well.
    while (this.#telling) await null;
    // Later commits have at least the revision of this moment.
    return Math.max(this.#newest, Math.floor(this.clock.now() * 1_000) - 1);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#listeners.clear();
    this.#untold.length = 0;
  }

  /** What a listener commits is told after what it is being told, to it and to the others. */
  #tell(): void {
    if (this.#telling) return;
    this.#telling = true;
    for (let change = this.#untold.shift(); change; change = this.#untold.shift()) {
      for (const { listener } of this.#listeners) {
        try {
          listener.changed(change.userId, change.record);
        } catch (error) {
          this.#log?.error({ err: error }, 'a listener to changes of presence threw');
        }
      }
    }
    this.#telling = false;
  }

  #mustBeOpen(): void {
    if (this.#closed) throw unavailable('The store is closed.');
  }
}
