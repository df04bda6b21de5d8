import { setImmediate as breathe, setTimeout as delay } from 'node:timers/promises';
import { isUnavailable } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Command } from '../presence/command.ts';
import { EMPTY_RECORD, type PresenceRecord, type UserId } from '../presence/record.ts';
import type { PresenceStore } from '../store/port.ts';
import type { Connections, HeldSession } from './connections.ts';
import type { NodeLease } from './node-lease.ts';

/** How many records are read at once. */
const PAGE = 500;
const AT_ONCE = 64;
const RETRY_MS = 500;

export interface KeeperParts {
  readonly store: PresenceStore;
  readonly connections: Connections;
  readonly lease: NodeLease;
  readonly apply: (userId: UserId, command: Command) => Promise<PresenceRecord>;
  readonly log: Logger;
}

/**
 * Sees to it that the store says what is so of this node's connections. It may not: a store that falls back to older
 * data forgets who has come and who has gone since, and others may have taken this node for dead.
 */
export class Keeper {
  readonly #parts: KeeperParts;
  #running: Promise<void> | null = null;
  #again = false;
  #closed = false;

  constructor(parts: KeeperParts) {
    this.#parts = parts;
  }

  /**
   * Binds what is held here to this node as it is called now, and begins the grace of whatever is bound to a connection of
   * this node that is not open. Resolves when all has been done, however often it takes. Never rejects.
   */
  reconcile(): Promise<void> {
    this.#again = true;
    this.#running ??= this.#run();
    return this.#running;
  }

  close(): void {
    this.#closed = true;
  }

  async #run(): Promise<void> {
    let left: readonly UserId[] = [];
    while ((this.#again || left.length > 0) && !this.#closed) {
      try {
        if (this.#again) {
          this.#again = false;
          left = await this.#everybody().catch((error: unknown) => {
            this.#again = true;
            throw error;
          });
        }
        left = await this.#look(left);
        if (left.length === 0) continue;
      } catch (error) {
        this.#parts.log.debug({ err: error }, 'could not say again which sessions are held here; trying on');
      }
      await delay(RETRY_MS, undefined, { ref: false });
    }
    // In the same turn as the last look at `#again`: nobody may ask in between and be taken for heard.
    this.#running = null;
  }

  /** Whoever has a session here, and whoever has one by what the store says. */
  async #everybody(): Promise<UserId[]> {
    const { store, connections, lease } = this.#parts;
    const users = new Set(await store.leases.members(lease.node, Number.MAX_SAFE_INTEGER));
    for (const { userId } of connections.held()) users.add(userId);
    return [...users];
  }

  /** Returns with whom it is to be tried again. */
  async #look(users: readonly UserId[]): Promise<UserId[]> {
    const { store, lease, log } = this.#parts;
    const again: UserId[] = [];
    let mended = 0;
    for (let from = 0; from < users.length && !this.#closed; from += PAGE) {
      const page = users.slice(from, from + PAGE);
      const records = await store.load(page);
      for (let index = 0; index < page.length; index += AT_ONCE) {
        const some = page.slice(index, index + AT_ONCE);
        const mending = some.map((userId, at) => this.#mend(userId, records[index + at] ?? EMPTY_RECORD));
        for (const [at, done] of (await Promise.allSettled(mending)).entries()) {
          if (done.status === 'fulfilled') mended += done.value;
          else if (isUnavailable(done.reason)) again.push(some[at] ?? '');
          else log.warn({ err: done.reason }, 'the store refuses a session that is held here');
        }
        await breathe();
      }
    }
    if (mended > 0) log.info({ node: lease.node, mended }, 'the store was told again which sessions are held here');
    return again;
  }

  /** Returns how much was not as it should be. */
  async #mend(userId: UserId, stored: PresenceRecord): Promise<number> {
    const { connections, lease, apply } = this.#parts;
    let record = stored;
    let mended = 0;
    for (const held of connections.heldBy(userId)) {
      const known = record.sessions.find(({ id }) => id === held.session.id)?.binding;
      if (known?.node === lease.node && known.connection === held.connection) continue;
      record = (await this.#reassert(held)) ?? record;
      mended += 1;
    }
    for (const { binding } of record.sessions) {
      if (binding?.node !== lease.node || connections.isOpen(binding.connection)) continue;
      await apply(userId, { type: 'disconnect', binding });
      mended += 1;
    }
    return mended;
  }

  async #reassert(held: HeldSession): Promise<PresenceRecord | null> {
    const { connections, lease, apply } = this.#parts;
    const { userId, connection, session } = held;
    const connectedMs = connections.age(connection);
    if (connectedMs === null || !connections.holds(held)) return null;
    const binding = { node: lease.node, connection };
    const record = await apply(userId, { type: 'reassert', session, binding, connectedMs });
    const stored = record.sessions.find(({ id }) => id === session.id);
    // Where it has closed meanwhile the caller finds that it is bound to a connection that is not open.
    if (stored?.binding?.connection === connection && connections.holds(held)) {
      connections.hold({ userId, connection, session: stored });
    }
    return record;
  }
}
