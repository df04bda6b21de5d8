/** Tells what is under way: one line that is written over on a terminal, elsewhere a line for each measurement. */
export class Status {
  readonly #terminal = process.stdout.isTTY;
  #what = '';

  /** What is measured from now on, and how far all is. */
  begin(what: string, done: number, total: number): void {
    this.#what = `[${done + 1}/${total}] ${what}`;
    if (this.#terminal) this.note('');
    else console.log(this.#what);
  }

  /** A detail of it, on a terminal only. */
  note(detail: string): void {
    if (this.#terminal) process.stdout.write(`\r\x1b[K${this.#what}${detail === '' ? '' : `: ${detail}`}`);
  }

  /** A line that stays. */
  say(line: string): void {
    if (this.#terminal) process.stdout.write('\r\x1b[K');
    console.log(line);
  }
}
