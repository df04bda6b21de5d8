import type { Millis } from '../presence/time.ts';

/** How long a published message may be on its way before it is taken for lost. */
const ON_ITS_WAY_MS: Millis = 500;

interface Waiter<Place> {
  readonly place: Place;
  readonly settle: (arrived: boolean) => void;
}

/** Those who wait until messages have arrived up to some place. */
export class Arrivals<Place> {
  readonly #waiters = new Set<Waiter<Place>>();

  /** Whether `place` is reached within the time that messages may be on their way. */
  of(place: Place): Promise<boolean> {
    return new Promise((resolve) => {
      const settle = (arrived: boolean): void => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
        resolve(arrived);
      };
      const waiter = { place, settle };
      const timer = setTimeout(() => settle(false), ON_ITS_WAY_MS);
      this.#waiters.add(waiter);
    });
  }

  /** Tells those whose place is `reached`; with `over` also the others, that theirs will not be. */
  settle(reached: (place: Place) => boolean, over: boolean): void {
    for (const { place, settle } of [...this.#waiters]) {
      if (reached(place)) settle(true);
      else if (over) settle(false);
    }
  }
}
