/** Up to so many are looked through one by one, which takes less time and memory than a set. */
const FEW = 16;

/** A set that mostly holds one or two, for as long as it takes to make a frame of them. */
export class Marks<T> {
  readonly #few: T[];
  #many: Set<T> | null = null;

  constructor(first: T) {
    this.#few = [first];
  }

  add(item: T): void {
    if (this.#many) this.#many.add(item);
    else if (!this.#few.includes(item)) {
      this.#few.push(item);
      if (this.#few.length > FEW) this.#many = new Set(this.#few);
    }
  }

  delete(item: T): void {
    if (this.#many) {
      this.#many.delete(item);
      return;
    }
    const index = this.#few.indexOf(item);
    if (index >= 0) this.#few.splice(index, 1);
  }

  get empty(): boolean {
    return this.#many ? this.#many.size === 0 : this.#few.length === 0;
  }

  /** In the order in which they were added. Not to be changed. */
  get all(): readonly T[] {
    return this.#many ? [...this.#many] : this.#few;
  }
}
