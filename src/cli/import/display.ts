import { MultiBar, Presets } from 'cli-progress';

/** Where an import shows how far it is. */
export interface Display {
  /** `offset` in bytes of the file; `pairs` read so far. */
  update(offset: number, pairs: number): void;
  /** One line that stays. */
  say(line: string): void;
  /** Shows all that was said and leaves the terminal as it was. Idempotent. */
  stop(): void;
}

export type Output = NodeJS.WritableStream & { readonly isTTY?: boolean };

/** A bar on a terminal; elsewhere, a plain line every `everyMs`. */
export function display(output: Output, size: number, everyMs = 5000): Display {
  return output.isTTY ? bar(output, size) : plain(output, size, everyMs);
}

function bar(output: Output, size: number): Display {
  const bars = new MultiBar(
    {
      stream: output,
      format: '{bar} {percentage}% | {pairs} pairs | {eta_formatted} to go',
      etaBuffer: 50,
      hideCursor: true,
    },
    Presets.shades_classic,
  );
  const line = bars.create(size, 0, { pairs: count(0) });
  let stopped = false;
  return {
    update: (offset, pairs) => line.update(offset, { pairs: count(pairs) }),
    say: (text) => {
      if (stopped) output.write(`${text}\n`);
      else bars.log(`${text}\n`);
    },
    stop: () => {
      if (stopped) return;
      stopped = true;
      // What was said is written by the next update only.
      bars.update();
      bars.stop();
    },
  };
}

function plain(output: Output, size: number, everyMs: number): Display {
  let last = performance.now();
  return {
    update: (offset, pairs) => {
      if (performance.now() - last < everyMs) return;
      last = performance.now();
      output.write(
        `${count(pairs)} pairs read (${size === 0 ? 100 : Math.floor((offset / size) * 100)}% of the file)\n`,
      );
    },
    say: (text) => output.write(`${text}\n`),
    stop: () => {},
  };
}

export function count(number: number): string {
  return number.toLocaleString('en-US');
}
