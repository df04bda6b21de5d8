import type { UserId } from '../presence/record.ts';

/** Who follows whose list in this process. Callbacks must not throw. */
export class Listeners {
  readonly #byUser = new Map<UserId, Set<() => void>>();

  /** The same function may be added more than once. The result removes this one again, and is idempotent. */
  add(userId: UserId, changed: () => void): () => void {
    const listener = (): void => changed();
    const listeners = this.#byUser.get(userId) ?? new Set();
    this.#byUser.set(userId, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#byUser.get(userId) === listeners) this.#byUser.delete(userId);
    };
  }

  tell(userId: UserId): void {
    for (const changed of this.#byUser.get(userId) ?? []) changed();
  }

  tellAll(): void {
    for (const listeners of this.#byUser.values()) for (const changed of listeners) changed();
  }

  clear(): void {
    this.#byUser.clear();
  }
}
