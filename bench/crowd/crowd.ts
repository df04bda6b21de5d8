import { setTimeout as sleep } from 'node:timers/promises';
import type { Latencies } from '../measure/latencies.ts';
import type { Ledger } from './ledger.ts';
import type { Purpose, Viewer } from './viewer.ts';

/** How many clients are on their way in at once. */
const ENTERING = 64;
const LOOK_MS = 5;
/** How long after the last change everybody must have been shown it. */
const CONVERGE_MS = 60_000;

/** All viewers of one measurement: users 0 to n - 1 of the graph. */
export class Crowd {
  readonly viewers: readonly Viewer[];
  readonly #ledger: Ledger;

  constructor(viewers: readonly Viewer[], ledger: Ledger) {
    this.viewers = viewers;
    this.#ledger = ledger;
  }

  /** Resolves when all, or the first `some`, have what `purpose` asks for. */
  async enter(purpose: Purpose, options: EnterOptions = {}): Promise<void> {
    let done = 0;
    await inParallel(this.viewers.slice(0, options.some), options.atOnce ?? ENTERING, async (viewer) => {
      const startedAt = performance.now();
      await viewer.enter(purpose);
      options.latencies?.add(performance.now() - startedAt);
      options.progress?.(++done);
    });
  }

  async leave(how: 'close' | 'drop' = 'close'): Promise<void> {
    await Promise.all(this.viewers.map((viewer) => viewer.leave(how)));
  }

  /** Resolves when everybody who is ready shows each friend's last change; throws when that does not come to pass. */
  async converged(): Promise<void> {
    const deadline = performance.now() + CONVERGE_MS;
    for (;;) {
      this.check();
      const lookedAt = performance.now();
      const missing = this.#ledger.missing(this.viewers.filter(({ ready }) => ready).map(({ index }) => index));
      if (missing === 0) return;
      if (performance.now() > deadline) throw new Error(`${missing} changes were lost on the way`);
      // To look takes long with many viewers, and what they receive has to be read meanwhile.
      await sleep(Math.max(LOOK_MS, 3 * (performance.now() - lookedAt)));
    }
  }

  /** Throws when anything has gone wrong for anybody who was ready. */
  check(): void {
    this.#ledger.check();
    for (const { fault } of this.viewers) if (fault !== null) throw new Error(fault);
  }
}

export interface EnterOptions {
  readonly atOnce?: number;
  readonly some?: number;
  /** Takes how long each needed. */
  readonly latencies?: Latencies;
  readonly progress?: (done: number) => void;
}

/** Runs `act` on each item, at most `width` at once. Rejects with the first failure, after what is under way has ended. */
export async function inParallel<T>(items: Iterable<T>, width: number, act: (item: T) => Promise<void>): Promise<void> {
  const queue = items[Symbol.iterator]();
  let failure: { readonly error: unknown } | null = null;
  const work = async (): Promise<void> => {
    for (let next = queue.next(); !next.done && failure === null; next = queue.next()) {
      try {
        await act(next.value);
      } catch (error) {
        failure ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: width }, work));
  // TypeScript does not see the assignment in the closure.
  const failed = failure as { readonly error: unknown } | null;
  if (failed !== null) throw failed.error;
}
