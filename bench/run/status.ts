const EVERY_MS = 5_000;

/** Tells what is under way: one line that is written over on a terminal, elsewhere a line now and then. */
export class Status {
  readonly #terminal = process.stdout.isTTY;
  #what = '';
  #noted = 0;

  /** What is measured from now on, and how far all is. */
  begin(what: string, done: number, total: number): void {
    this.#what = `[${done + 1}/${total}] ${what}`;
    this.note('');
  }

  /** A detail of it. */
  note(detail: string): void {
    const line = `${this.#what}${detail === '' ? '' : `: ${detail}`}`;
    const now = performance.now();
    if (now - this.#noted < (this.#terminal ? 100 : EVERY_MS) && detail !== '') return;
    this.#noted = now;
    if (this.#terminal) process.stdout.write(`\r\x1b[K${line}`);
    else console.log(line);
  }

  /** A line that stays. */
  say(line: string): void {
    if (this.#terminal) process.stdout.write('\r\x1b[K');
    console.log(line);
  }
}
