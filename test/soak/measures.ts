/** Spans that were measured, by what they are of. */
export class Measures {
  readonly #spans = new Map<string, number[]>();

  add(name: string, ms: number): void {
    this.#spans.set(name, [...(this.#spans.get(name) ?? []), ms]);
  }

  /** One line a name: how often, the median, the longest. */
  lines(): string[] {
    return [...this.#spans].map(([name, spans]) => {
      const sorted = spans.toSorted((a, b) => a - b);
      const median = sorted[Math.floor(sorted.length / 2)] ?? 0;
      return `${name}: ${sorted.length} ×, median ${Math.round(median)} ms, longest ${Math.round(sorted.at(-1) ?? 0)} ms`;
    });
  }
}
