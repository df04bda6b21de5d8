import { unavailable } from '../../src/errors.ts';
import type { Millis } from '../../src/presence/time.ts';

/** What goes one way over a network: in order, late, held up, or not at all. */
class Pipe {
  readonly #lag: () => Millis;
  #queue: { readonly at: number; readonly arrive: () => void }[] = [];
  #lastAt = Number.NEGATIVE_INFINITY;
  #stalled = false;
  #pumping = false;

  constructor(lag: () => Millis) {
    this.#lag = lag;
  }

  send(arrive: () => void): void {
    const at = Math.max(this.#lastAt, performance.now() + this.#lag());
    this.#lastAt = at;
    this.#queue.push({ at, arrive });
    this.#pump();
  }

  stall(): void {
    this.#stalled = true;
  }

  resume(): void {
    this.#stalled = false;
    this.#pump();
  }

  /** What is on its way never arrives. */
  drop(): void {
    this.#queue = [];
  }

  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    for (;;) {
      const next = this.#queue[0];
      if (this.#stalled || next === undefined) break;
      const wait = next.at - performance.now();
      if (wait > 0) {
        setTimeout(() => this.#pump(), wait).unref();
        break;
      }
      this.#queue.shift();
      next.arrive();
    }
    this.#pumping = false;
  }
}

export type Fate = 'deliver' | 'repeat' | 'lose';

export interface LinkEvents {
  /** The connection broke, and whoever is on this side knows. */
  cut(): void;
  /** It is there again. */
  healed(): void;
}

/** The network between one node and the store, with all that can happen to what goes over it. */
export class Link {
  /** How long the next thing takes. */
  lag: () => Millis = () => 0;
  /** What becomes of the next message. */
  fate: () => Fate = () => 'deliver';
  #standing: 'open' | 'stalled' | 'cut' | 'dead' = 'open';
  readonly #there = new Pipe(() => this.lag());
  readonly #back = new Pipe(() => this.lag());
  /** Slower than answers: what was read may be newer than what is told next. */
  readonly #news = new Pipe(() => this.lag() + this.lag() + this.lag());
  readonly #waiting = new Set<() => void>();
  readonly #events = new Set<LinkEvents>();

  get up(): boolean {
    return this.#standing === 'open' || this.#standing === 'stalled';
  }

  get standing(): string {
    return this.#standing;
  }

  onChange(events: LinkEvents): void {
    this.#events.add(events);
  }

  /** Asks the store something. Whether it was done before the connection broke, nobody on this side can know. */
  call<T>(run: () => Promise<T>): Promise<T> {
    if (!this.up) return Promise.reject(unavailable('The store cannot be reached.'));
    return new Promise((resolve, reject) => {
      const fail = (): void => reject(unavailable('The connection broke.'));
      this.#waiting.add(fail);
      const answer = (act: () => void): void =>
        this.#back.send(() => {
          if (this.#waiting.delete(fail)) act();
        });
      this.#there.send(() => {
        run().then(
          (value) => answer(() => resolve(value)),
          (error: unknown) => answer(() => reject(error)),
        );
      });
    });
  }

  /** Tells this side something, in the order of these calls. */
  tell(arrive: () => void): void {
    if (this.up) this.#news.send(arrive);
  }

  /** Nothing passes, and nobody knows: as for a process that sleeps. */
  stall(): void {
    if (this.#standing !== 'open') return;
    this.#standing = 'stalled';
    for (const pipe of this.#pipes) pipe.stall();
  }

  cut(): void {
    if (!this.up) return;
    this.#standing = 'cut';
    this.#break();
    for (const events of this.#events) events.cut();
  }

  heal(): void {
    if (this.#standing === 'open' || this.#standing === 'dead') return;
    const broken = this.#standing === 'cut';
    this.#standing = 'open';
    for (const pipe of this.#pipes) pipe.resume();
    if (broken) for (const events of this.#events) events.healed();
  }

  /** For good. */
  kill(): void {
    this.#standing = 'dead';
    this.#break();
  }

  get #pipes(): readonly Pipe[] {
    return [this.#there, this.#back, this.#news];
  }

  #break(): void {
    for (const pipe of this.#pipes) pipe.drop();
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const fail of waiting) fail();
  }
}
