import type { Session, UserId } from '../presence/record.ts';
import type { Millis } from '../presence/time.ts';

/** A session that an open connection of this node keeps alive. */
export interface HeldSession {
  readonly userId: UserId;
  readonly connection: string;
  /** As it stood when it was last heard of here. */
  readonly session: Session;
}

interface OpenConnection {
  /** By the monotonic clock. */
  readonly openedAt: number;
  /** Whose sessions may be bound to it; null as long as none can be. */
  userId: UserId | null;
}

/** The open connections of this node, each of one user, and the sessions bound to them. */
export class Connections {
  readonly #open = new Map<string, OpenConnection>();
  readonly #held = new Map<UserId, Map<string, HeldSession>>();

  opened(connection: string): void {
    if (!this.#open.has(connection)) this.#open.set(connection, { openedAt: performance.now(), userId: null });
  }

  /** For how long it has been open; null for one that is not. */
  age(connection: string): Millis | null {
    const open = this.#open.get(connection);
    return open ? performance.now() - open.openedAt : null;
  }

  isOpen(connection: string): boolean {
    return this.#open.has(connection);
  }

  /** Sessions of this user may be bound to it from now on. For how long it has been open; null for one that is not. */
  claim(connection: string, userId: UserId): Millis | null {
    const open = this.#open.get(connection);
    if (open) open.userId = userId;
    return this.age(connection);
  }

  /** The session is kept by this connection from now on, and by no other of this node. The connection must be open. */
  hold(held: HeldSession): void {
    const sessions = this.#held.get(held.userId) ?? new Map<string, HeldSession>();
    sessions.set(held.session.id, held);
    this.#held.set(held.userId, sessions);
  }

  /** The session has ended. */
  letGo(userId: UserId, sessionId: string): void {
    const sessions = this.#held.get(userId);
    sessions?.delete(sessionId);
    if (sessions?.size === 0) this.#held.delete(userId);
  }

  /** The user who may have sessions bound to this connection, which is closed from now on; null for none. */
  closed(connection: string): UserId | null {
    const userId = this.#open.get(connection)?.userId ?? null;
    this.#open.delete(connection);
    if (userId === null) return null;
    for (const held of [...(this.#held.get(userId)?.values() ?? [])]) {
      if (held.connection === connection) this.letGo(userId, held.session.id);
    }
    return userId;
  }

  /** Whether the session is kept by this connection. */
  holds({ userId, connection, session }: HeldSession): boolean {
    return this.#held.get(userId)?.get(session.id)?.connection === connection;
  }

  heldBy(userId: UserId): HeldSession[] {
    return [...(this.#held.get(userId)?.values() ?? [])];
  }

  *held(): Iterable<HeldSession> {
    for (const sessions of this.#held.values()) yield* sessions.values();
  }

  ids(): string[] {
    return [...this.#open.keys()];
  }
}
