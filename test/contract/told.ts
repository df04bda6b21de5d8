/** Counts calls, and waits for them. */
export class Told {
  count = 0;
  readonly #waiting = new Set<() => void>();

  readonly note = (): void => {
    this.count++;
    for (const check of this.#waiting) check();
  };

  /** Resolves once `note` has been called this many times more, counted from now; rejects when that takes too long. */
  times(more: number, withinMs = 20_000): Promise<void> {
    const goal = this.count + more;
    return new Promise((resolve, reject) => {
      const check = (): void => {
        if (this.count >= goal) finish();
      };
      const late = setTimeout(() => {
        this.#waiting.delete(check);
        reject(new Error(`told ${this.count} times instead of ${goal}`));
      }, withinMs);
      const finish = (): void => {
        clearTimeout(late);
        this.#waiting.delete(check);
        resolve();
      };
      this.#waiting.add(check);
    });
  }
}
