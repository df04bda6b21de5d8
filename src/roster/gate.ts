/** Lets a bounded number of tasks run at once; the others wait their turn, first come, first served. */
export class Gate {
  #waiting: (() => void)[] = [];
  /** Those whose turn comes before all of `#waiting`, the next one last: an array is slow to take from the front. */
  #next: (() => void)[] = [];
  #free: number;

  constructor(atOnce: number) {
    this.#free = atOnce;
  }

  /** Settles as `task` does, which is called when its turn has come. */
  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await task();
    } finally {
      const next = this.#takeNext();
      if (next) next();
      else this.#free += 1;
    }
  }

  #takeNext(): (() => void) | undefined {
    if (this.#next.length === 0) {
      this.#next = this.#waiting.reverse();
      this.#waiting = [];
    }
    return this.#next.pop();
  }
}
