import type { UserId } from './record.ts';
import type { Millis } from './time.ts';

export interface Deadline {
  readonly userId: UserId;
  readonly at: Millis;
}

interface Entry {
  readonly userId: UserId;
  at: Millis;
  /** Where in the heap it is. */
  index: number;
}

/** One deadline a user, as a binary heap by time: to set one takes log n steps, to list the first k takes k log k. */
export class DeadlineQueue {
  readonly #heap: Entry[] = [];
  readonly #entries = new Map<UserId, Entry>();

  /** Replaces the user's deadline; null: there is none any more. */
  set(userId: UserId, at: Millis | null): void {
    const entry = this.#entries.get(userId);
    if (at === null) {
      if (entry) this.#remove(entry);
    } else if (entry) {
      entry.at = at;
      this.#settle(entry);
    } else {
      const added: Entry = { userId, at, index: this.#heap.length };
      this.#entries.set(userId, added);
      this.#heap.push(added);
      this.#settle(added);
    }
  }

  /** The earliest; it stays. */
  first(): Deadline | null {
    return this.#heap[0] ?? null;
  }

  /** Whose deadline is at or before `now`, the earliest first, `limit` at most. They stay. */
  due(now: Millis, limit: number): UserId[] {
    const due: UserId[] = [];
    // Positions that may come next, the latest first. A child is never earlier than its parent, so these are enough.
    const next: Entry[] = [];
    const consider = (index: number): void => {
      const entry = this.#heap[index];
      if (entry && entry.at <= now) next.splice(firstNotAfter(next, entry.at), 0, entry);
    };
    consider(0);
    while (due.length < limit) {
      const entry = next.pop();
      if (!entry) break;
      due.push(entry.userId);
      consider(2 * entry.index + 1);
      consider(2 * entry.index + 2);
    }
    return due;
  }

  #remove(entry: Entry): void {
    this.#entries.delete(entry.userId);
    const last = this.#heap.pop();
    if (!last || last === entry) return;
    this.#place(last, entry.index);
    this.#settle(last);
  }

  #settle(entry: Entry): void {
    this.#sink(entry);
    this.#rise(entry);
  }

  #rise(entry: Entry): void {
    while (entry.index > 0) {
      const parent = this.#heap[(entry.index - 1) >>> 1];
      if (!parent || parent.at <= entry.at) return;
      this.#swap(parent, entry);
    }
  }

  #sink(entry: Entry): void {
    for (;;) {
      const left = this.#heap[2 * entry.index + 1];
      const right = this.#heap[2 * entry.index + 2];
      const child = left && right && right.at < left.at ? right : left;
      if (!child || child.at >= entry.at) return;
      this.#swap(entry, child);
    }
  }

  #swap(above: Entry, below: Entry): void {
    const { index } = above;
    this.#place(above, below.index);
    this.#place(below, index);
  }

  #place(entry: Entry, index: number): void {
    this.#heap[index] = entry;
    entry.index = index;
  }
}

/** Where in a list that runs from late to early something at `at` belongs. */
function firstNotAfter(entries: readonly Entry[], at: Millis): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((entries[middle]?.at ?? at) > at) low = middle + 1;
    else high = middle;
  }
  return low;
}
