import { MultiBar, Presets } from 'cli-progress';

/** Shows how far something is: a bar on a terminal, elsewhere a line every few seconds. */
export interface Progress {
  update(done: number): void;
  /** One line that stays. */
  say(line: string): void;
  /** Idempotent. Afterwards `say` still works. */
  stop(): void;
}

const EVERY_MS = 5_000;

export function progress(what: string, total: number): Progress {
  return process.stdout.isTTY ? bar(what, total) : lines(what, total);
}

function bar(what: string, total: number): Progress {
  const bars = new MultiBar(
    {
      stream: process.stdout,
      format: `     {bar} {percentage}% | {value} of {total} ${what}`,
      hideCursor: true,
      clearOnComplete: true,
    },
    Presets.shades_classic,
  );
  const shown = bars.create(total, 0);
  let stopped = false;
  return {
    update: (done) => shown.update(done),
    say: (line) => (stopped ? console.log(line) : bars.log(`${line}\n`)),
    stop: () => {
      if (stopped) return;
      stopped = true;
      // What was said is written by the next update only.
      bars.update();
      bars.stop();
    },
  };
}

function lines(what: string, total: number): Progress {
  let last = performance.now();
  return {
    update: (done) => {
      if (performance.now() - last < EVERY_MS) return;
      last = performance.now();
      console.log(`     ${done.toLocaleString('en-US')} of ${total.toLocaleString('en-US')} ${what}`);
    },
    say: (line) => console.log(line),
    stop: () => {},
  };
}
