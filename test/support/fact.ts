interface Change {
  readonly value: boolean;
  /** It may hold from here on. */
  readonly at: number;
  /** It certainly holds from here on: the change has been answered. Infinity until then. */
  doneAt: number;
}

/** Something that is so or not, of which it is known when its changes were asked for and when they were answered. */
export class Fact {
  #changes: Change[];

  constructor(initially: boolean) {
    this.#changes = [{ value: initially, at: Number.NEGATIVE_INFINITY, doneAt: Number.NEGATIVE_INFINITY }];
  }

  /** The last value that was asked for. */
  get value(): boolean {
    return this.#changes.at(-1)?.value ?? false;
  }

  /** Returns what to call when it has been answered. */
  change(value: boolean): () => void {
    const change: Change = { value, at: Date.now(), doneAt: Number.POSITIVE_INFINITY };
    this.#changes.push(change);
    if (this.#changes.length > 64) this.#changes.shift();
    return () => {
      change.doneAt = Date.now();
    };
  }

  /** Whether it may have been `value` at some moment between. */
  couldBe(value: boolean, from: number, until: number): boolean {
    return this.#changes.some((change, index) => {
      const next = this.#changes[index + 1];
      return change.value === value && change.at <= until && (next === undefined || next.doneAt >= from);
    });
  }
}
