/** A stream that has something to say. */
export interface Teller {
  /** It waits for its round. Only rounds change this. */
  queued: boolean;
  tell(): void;
}

/** How many are told before others get their turn on the event loop. */
const TURN = 256;
/**
 * With more news than this a second on this node, rounds are apart; with less than half of it they are not again. So
 * many frames would keep a core busy for half of the time.
 */
const MOST_NEWS = 40_000;
/** How long a rate is measured at least, ms. */
const MEASURED_MS = 100;
/** How far rounds are apart then, ms: the most by which a frame is late because of it. */
const APART_MS = 400;

/**
 * Tells the streams of a node that they have news, all of them in one round after what has come in at once has been dealt
 * with: so changes that come together leave together. In a storm, when a frame for each change would take the time that
 * the storm's work needs, rounds are apart, and one frame shows all that has changed meanwhile.
 */
export class Rounds {
  #waiting: Teller[] = [];
  /** Of this round, and how many of them have been told. */
  #round: Teller[] = [];
  #told = 0;
  #planned = false;
  #news = 0;
  #measuredSince = performance.now();
  #storm = false;
  #begun = Number.NEGATIVE_INFINITY;

  /** The teller has news, if need be more than before: it is told so once, in the next round. */
  add(teller: Teller): void {
    this.#news += 1;
    if (teller.queued) return;
    teller.queued = true;
    this.#waiting.push(teller);
    if (!this.#planned) this.#plan();
  }

  #plan(): void {
    this.#planned = true;
    const wait = this.#storm ? this.#begun + APART_MS - performance.now() : 0;
    if (wait > 0) setTimeout(() => this.#begin(), wait);
    else setImmediate(() => this.#begin());
  }

  #begin(): void {
    this.#begun = performance.now();
    this.#measure();
    [this.#round, this.#waiting, this.#told] = [this.#waiting, [], 0];
    this.#tell();
  }

  #tell(): void {
    const end = Math.min(this.#round.length, this.#told + TURN);
    while (this.#told < end) {
      const teller = this.#round[this.#told++] as Teller;
      teller.queued = false;
      teller.tell();
    }
    if (this.#told < this.#round.length) {
      setImmediate(() => this.#tell());
      return;
    }
    this.#round = [];
    this.#planned = false;
    if (this.#waiting.length > 0) this.#plan();
  }

  #measure(): void {
    const passed = this.#begun - this.#measuredSince;
    if (passed < MEASURED_MS && this.#news < (MOST_NEWS * MEASURED_MS) / 1_000) return;
    const most = this.#storm ? MOST_NEWS / 2 : MOST_NEWS;
    this.#storm = this.#news * 1_000 > most * Math.max(passed, MEASURED_MS);
    this.#measuredSince = this.#begun;
    this.#news = 0;
  }
}
