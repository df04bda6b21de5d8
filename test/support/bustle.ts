import type { Actor } from './actors.ts';
import type { Stage } from './stage.ts';

/** Users do things, one after the other each: change between active and idle, and what they say of themselves. */
export class Bustle {
  readonly #stage: Stage;
  readonly #random: () => number;
  readonly #busy = new Set<Actor>();
  readonly #timer: NodeJS.Timeout;
  #resting = false;
  #told = 0;
  #failure: unknown = null;

  /** One thing each `everyMs`. `random` gives numbers from 0 to below 1. */
  constructor(stage: Stage, everyMs: number, random: () => number = Math.random) {
    this.#stage = stage;
    this.#random = random;
    this.#timer = setInterval(() => this.#turn(), everyMs);
  }

  /** How much has been done and answered. */
  get told(): number {
    return this.#told;
  }

  /** Resolves when all that was begun has been answered; nothing begins before `goOn`. Rejects with the first failure there was. */
  async rest(): Promise<void> {
    this.#resting = true;
    while (this.#busy.size > 0) await new Promise((resolve) => setTimeout(resolve, 10));
    if (this.#failure !== null) throw this.#failure;
  }

  goOn(): void {
    this.#resting = false;
  }

  /** Rests for good. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.rest();
  }

  #turn(): void {
    if (this.#resting) return;
    const free = this.#stage.actors.filter((actor) => actor.mood !== null && !this.#busy.has(actor));
    const actor = free[Math.floor(this.#random() * free.length)];
    if (!actor) return;
    this.#busy.add(actor);
    this.#act(actor)
      .then(() => {
        this.#told += 1;
      })
      .catch((error: unknown) => {
        if (actor.mood !== null) this.#failure ??= error;
      })
      .finally(() => this.#busy.delete(actor));
  }

  #act(actor: Actor): Promise<void> {
    if (this.#random() < 0.3) return actor.say(`at work on ${Math.floor(this.#random() * 1e6)}`);
    return actor.turn(actor.mood === 'ACTIVE' ? 'IDLE' : 'ACTIVE');
  }
}
