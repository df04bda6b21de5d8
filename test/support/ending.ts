const ENDING: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** What ends what must not outlive this process. */
const ends = new Set<() => void>();

/** `end` is called when this process ends, by a signal too, unless the function that is returned has been called before. */
export function endWithUs(end: () => void): () => void {
  if (ends.size === 0) watchExit();
  ends.add(end);
  return () => {
    if (ends.delete(end) && ends.size === 0) unwatchExit();
  };
}

function endAll(): void {
  for (const end of ends) end();
}

function endAllAndUs(signal: NodeJS.Signals): void {
  endAll();
  unwatchExit();
  process.kill(process.pid, signal);
}

function watchExit(): void {
  process.on('exit', endAll);
  for (const signal of ENDING) process.on(signal, endAllAndUs);
}

function unwatchExit(): void {
  process.off('exit', endAll);
  for (const signal of ENDING) process.off(signal, endAllAndUs);
}
