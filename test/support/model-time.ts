import { syncBuiltinESMExports } from 'node:module';
import promises from 'node:timers/promises';
import type { Millis } from '../../src/presence/time.ts';

interface Timer {
  at: Millis;
  readonly order: number;
  readonly call: () => void;
  readonly everyMs: Millis | null;
}

/** How the machine's own event loop goes round: promises that can settle have settled by then. */
const turn = globalThis.setImmediate;
/** More timers than this in one millisecond and it will never be over. */
const TOO_MANY = 20_000;

/**
 * Time that passes only when told to, for everything in this process that sets timers or reads the monotonic clock. What
 * happens is decided by what is asked of it, so a failing run fails again.
 */
export class VirtualTime {
  readonly #began: Millis;
  #now: Millis;
  #order = 0;
  readonly #timers = new Map<object, Timer>();
  #restore: (() => void) | null = null;

  constructor(began: Millis) {
    this.#began = began;
    this.#now = began;
  }

  now(): Millis {
    return this.#now;
  }

  /** For as long as `body` runs. */
  async rule<T>(body: () => Promise<T>): Promise<T> {
    this.#install();
    try {
      return await body();
    } finally {
      this.#restore?.();
      this.#restore = null;
      this.#timers.clear();
    }
  }

  /** Every timer up to then is called at its moment, and what follows from it has happened before the next one. */
  async pass(ms: Millis): Promise<void> {
    const until = this.#now + ms;
    await settle();
    for (let calls = 0; ; calls += 1) {
      const next = this.#next(until);
      if (next === null) break;
      if (next[1].at > this.#now) calls = 0;
      if (calls > TOO_MANY) throw new Error(`Timers without end at ${this.#now - this.#began} ms.`);
      this.#now = Math.max(this.#now, next[1].at);
      this.#call(...next);
      await settle();
    }
    this.#now = until;
    await settle();
  }

  #call(handle: object, timer: Timer): void {
    if (timer.everyMs === null) this.#timers.delete(handle);
    else timer.at += Math.max(1, timer.everyMs);
    timer.call();
  }

  #next(until: Millis): [object, Timer] | null {
    let first: [object, Timer] | null = null;
    for (const entry of this.#timers) {
      const [, { at, order }] = entry;
      if (at > until) continue;
      if (first === null || at < first[1].at || (at === first[1].at && order < first[1].order)) first = entry;
    }
    return first;
  }

  #set(call: () => void, ms: Millis | undefined, repeats: boolean): object {
    const wait = Math.max(0, ms ?? 0);
    const handle = {
      ref: () => handle,
      unref: () => handle,
      hasRef: () => true,
    };
    this.#order += 1;
    this.#timers.set(handle, { at: this.#now + wait, order: this.#order, call, everyMs: repeats ? wait : null });
    return handle;
  }

  #install(): void {
    const { setTimeout, clearTimeout, setInterval, clearInterval } = globalThis;
    const clear = (handle: object | undefined): void => {
      if (handle) this.#timers.delete(handle);
    };
    const replaced = {
      setTimeout: (call: () => void, ms?: Millis) => this.#set(call, ms, false),
      setInterval: (call: () => void, ms?: Millis) => this.#set(call, ms, true),
      clearTimeout: clear,
      clearInterval: clear,
    };
    Object.assign(globalThis, replaced);
    const { setTimeout: delay } = promises;
    const virtualDelay = (ms?: Millis) => new Promise((resolve) => void this.#set(() => resolve(undefined), ms, false));
    Object.assign(promises, { setTimeout: virtualDelay });
    syncBuiltinESMExports();
    Object.defineProperty(performance, 'now', { configurable: true, value: () => this.#now - this.#began + 1 });
    this.#restore = () => {
      Object.assign(globalThis, { setTimeout, clearTimeout, setInterval, clearInterval });
      Reflect.deleteProperty(performance, 'now');
      Object.assign(promises, { setTimeout: delay });
      syncBuiltinESMExports();
    };
  }
}

/** All that can happen without time passing has happened. */
export function settle(): Promise<void> {
  return new Promise((resolve) => void turn(resolve));
}
