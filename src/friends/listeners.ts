import type { UserId } from '../presence/record.ts';

type Listener = () => void;

/** Who follows whose list in this process. Callbacks must not throw. */
export class Listeners {
  /** One listener, as with most, or several: it takes less memory than a collection for each user. */
  readonly #byUser = new Map<UserId, Listener | readonly Listener[]>();

  /** The same function may be added more than once. The result removes this one again, and is idempotent. */
  add(userId: UserId, changed: Listener): () => Promise<void> {
    const known = this.#byUser.get(userId);
    this.#byUser.set(userId, known === undefined ? changed : [...listOf(known), changed]);
    let listening = true;
    return async () => {
      if (listening) this.#remove(userId, changed);
      listening = false;
    };
  }

  tell(userId: UserId): void {
    for (const changed of listOf(this.#byUser.get(userId))) changed();
  }

  tellAll(): void {
    for (const listeners of [...this.#byUser.values()]) for (const changed of listOf(listeners)) changed();
  }

  clear(): void {
    this.#byUser.clear();
  }

  #remove(userId: UserId, changed: Listener): void {
    const listeners = listOf(this.#byUser.get(userId));
    const index = listeners.indexOf(changed);
    if (index < 0) return;
    if (listeners.length === 1) this.#byUser.delete(userId);
    else this.#byUser.set(userId, listeners.toSpliced(index, 1));
  }
}

function listOf(listeners: Listener | readonly Listener[] | undefined): readonly Listener[] {
  if (listeners === undefined) return [];
  return typeof listeners === 'function' ? [listeners] : listeners;
}
