const EVERY_MS = 5_000;

/** Tells what is under way: one line that is written over on a terminal, elsewhere a line now and then. */
export class Status {
  readonly #terminal = process.stdout.isTTY;
  readonly #startedAt = performance.now();
  readonly #expectedS: number;
  #doneS = 0;
  /** When the last of what is done was done. */
  #doneAt = this.#startedAt;
  #what = '';
  #noted = 0;

  /** `expectedS`: how long all would take on an idle machine. */
  constructor(expectedS: number) {
    this.#expectedS = expectedS;
  }

  /** What is measured from now on. */
  begin(what: string): void {
    this.#what = what;
    this.note('');
  }

  /** What was expected to take so long is done, however long it took. */
  done(expectedS: number): void {
    this.#doneS += expectedS;
    this.#doneAt = performance.now();
  }

  /** A detail of what is measured. */
  note(detail: string): void {
    const now = performance.now();
    if (now - this.#noted < (this.#terminal ? 100 : EVERY_MS) && detail !== '') return;
    this.#noted = now;
    const line = `${this.#progress(now)} ${this.#what}${detail === '' ? '' : `: ${detail}`}`;
    if (this.#terminal) process.stdout.write(`\r\x1b[K${line}`);
    else console.log(line);
  }

  /** A line that stays. */
  say(line: string): void {
    if (this.#terminal) process.stdout.write('\r\x1b[K');
    console.log(line);
  }

  #progress(now: number): string {
    const goneS = (now - this.#startedAt) / 1e3;
    const share = this.#expectedS === 0 ? 1 : this.#doneS / this.#expectedS;
    const slower = this.#doneS === 0 ? 1 : (this.#doneAt - this.#startedAt) / 1e3 / this.#doneS;
    const left = Math.max(0, (this.#expectedS - this.#doneS) * slower - (now - this.#doneAt) / 1e3);
    return `[${Math.floor(100 * share)} %, ${clock(goneS)} gone, about ${clock(left)} to go]`;
  }
}

function clock(seconds: number): string {
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}
