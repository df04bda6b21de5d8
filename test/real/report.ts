import { type Progress, progress } from './progress.ts';

/** A check that did not hold, with what was expected and seen, a line each. */
export class Mismatch extends Error {
  readonly details: readonly string[];

  constructor(what: string, details: readonly string[]) {
    super(what);
    this.details = details;
  }
}

const MAX_DETAILS = 20;

/** Says what holds and what does not, and counts. */
export class Report {
  #passed = 0;
  #failed = 0;
  #progress: Progress | null = null;

  get failed(): number {
    return this.#failed;
  }

  title(text: string): void {
    this.#line(`\n=== ${text}`);
  }

  say(text: string): void {
    this.#line(`     ${text}`);
  }

  /** Throws Mismatch when there are `faults`. */
  check(what: string, faults: readonly string[]): void {
    if (faults.length > 0) throw new Mismatch(what, faults);
    this.#passed++;
    this.#line(`ok   ${what}`);
  }

  /** What ended a part early. */
  fail(error: unknown): void {
    this.#failed++;
    if (!(error instanceof Mismatch)) {
      this.#line(`FAIL ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
      return;
    }
    this.#line(`FAIL ${error.message}`);
    for (const detail of error.details.slice(0, MAX_DETAILS)) this.say(detail);
    const more = error.details.length - MAX_DETAILS;
    if (more > 0) this.say(`… and ${count(more)} more`);
  }

  table(rows: readonly (readonly [string, string])[]): void {
    const width = Math.max(...rows.map(([name]) => name.length));
    for (const [name, value] of rows) this.say(`${name.padEnd(width)}  ${value}`);
  }

  /** Shows how far `act` is while it runs; it says so itself. */
  async follow<T>(what: string, total: number, act: (update: (done: number) => void) => Promise<T>): Promise<T> {
    const shown = progress(what, total);
    this.#progress = shown;
    try {
      return await act((done) => shown.update(done));
    } finally {
      shown.stop();
      this.#progress = null;
    }
  }

  /** The last line. */
  total(): void {
    this.#line(`\n${this.#passed} passed, ${this.#failed} failed`);
  }

  #line(text: string): void {
    if (this.#progress) this.#progress.say(text);
    else console.log(text);
  }
}

export function count(number: number): string {
  return number.toLocaleString('en-US');
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
