import { readdirSync, readFileSync } from 'node:fs';

const CLOCK_TICK_NS = 10_000_000;

/**
 * Nanoseconds of CPU that a process has used so far, in user and kernel mode, by the kernel's accounting of all its
 * threads. Where the kernel does not account in nanoseconds it is in steps of 10 ms.
 */
export function cpuOf(pid: number): number {
  return scheduled(pid) ?? ticks(pid);
}

function scheduled(pid: number): number | null {
  let total = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    let text: string;
    try {
      text = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8');
    } catch {
      // No such accounting, or a thread that has just ended.
      continue;
    }
    total += Number(text.split(' ', 1)[0]);
  }
  return total > 0 ? total : null;
}

function ticks(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name in parentheses may hold blanks; utime and stime are the 14th and 15th field.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * CLOCK_TICK_NS;
}
