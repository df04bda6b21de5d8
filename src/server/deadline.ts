import type { Clock, Millis } from '../presence/time.ts';

/** Node.js fires timers that are longer than this at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Calls `due` once, as soon as the clock says `at` or later, never synchronously. The function returned cancels it; it
 * is idempotent. A waiting deadline does not keep the process alive.
 */
export function callAt(clock: Clock, at: Millis, due: () => void): () => void {
  let timer: NodeJS.Timeout;
  const arm = (): void => {
    const remaining = at - clock.now();
    timer = setTimeout(() => (clock.now() >= at ? due() : arm()), Math.min(Math.max(remaining, 0), MAX_TIMER_MS));
    timer.unref();
  };
  arm();
  return () => clearTimeout(timer);
}
