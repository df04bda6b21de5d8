/** All that is known of them, to be sent to another process. */
export interface LatencyCounts {
  readonly counts: readonly number[];
  readonly max: number;
}

/** How long things took, in ms. Values are kept in steps of about 2 %, from 1 µs to some hours, in a few KB. */
export class Latencies {
  static readonly #stepsPerDoubling = 36;
  static readonly #unitMs = 0.001;
  readonly #counts = new Uint32Array(36 * 34);
  #total = 0;
  #max = 0;

  get count(): number {
    return this.#total;
  }

  get max(): number {
    return this.#max;
  }

  add(ms: number): void {
    const steps = Math.log2(Math.max(1, ms / Latencies.#unitMs)) * Latencies.#stepsPerDoubling;
    const index = Math.min(this.#counts.length - 1, Math.round(steps));
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.#total += 1;
    if (ms > this.#max) this.#max = ms;
  }

  /** `share` from 0 to 1; NaN when there are none. */
  percentile(share: number): number {
    if (this.#total === 0) return Number.NaN;
    const rank = Math.max(1, Math.ceil(share * this.#total));
    let below = 0;
    for (let index = 0; index < this.#counts.length; index++) {
      below += this.#counts[index] ?? 0;
      if (below >= rank) return Latencies.#unitMs * 2 ** (index / Latencies.#stepsPerDoubling);
    }
    return this.#max;
  }

  toCounts(): LatencyCounts {
    return { counts: [...this.#counts], max: this.#max };
  }

  addAll({ counts, max }: LatencyCounts): void {
    for (const [index, count] of counts.entries()) {
      this.#counts[index] = (this.#counts[index] ?? 0) + count;
      this.#total += count;
    }
    this.#max = Math.max(this.#max, max);
  }

  clear(): void {
    this.#counts.fill(0);
    this.#total = 0;
    this.#max = 0;
  }
}
