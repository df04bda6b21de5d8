import type { UserId, View } from '../../src/presence/record.ts';
import type { RosterUpdate } from '../../src/roster/update.ts';

/** How long a test waits for something that must come before it fails. */
export const PATIENCE_MS = 20_000;

/** Reads a stream to its end in the background and lets tests wait for what has arrived. */
export class Reader<T> {
  readonly items: T[] = [];
  ended = false;
  error: unknown = null;
  readonly #source: AsyncIterator<T>;
  readonly #waiting = new Set<() => void>();

  constructor(source: AsyncIterator<T>) {
    this.#source = source;
    void this.#read();
  }

  /** Resolves once `holds`; fails, saying what was missing, when it does not in time. */
  until(what: string, holds: (reader: this) => boolean): Promise<this> {
    return new Promise((resolve, reject) => {
      const check = (): void => {
        if (!holds(this)) {
          if (this.error) fail(`the stream failed: ${String(this.error)}`);
          else if (this.ended) fail('the stream ended');
          return;
        }
        clearTimeout(timer);
        this.#waiting.delete(check);
        resolve(this);
      };
      const fail = (why: string): void => {
        clearTimeout(timer);
        this.#waiting.delete(check);
        reject(new Error(`waited for ${what}: ${why}; seen: ${JSON.stringify(this.items.slice(-5))}`));
      };
      const timer = setTimeout(() => fail(`not within ${PATIENCE_MS} ms`), PATIENCE_MS);
      this.#waiting.add(check);
      check();
    });
  }

  async close(): Promise<void> {
    await this.#source.return?.();
  }

  /** Subclasses keep what the items add up to. */
  protected take(_item: T): void {}

  async #read(): Promise<void> {
    try {
      for (;;) {
        const step = await this.#source.next();
        if (step.done) break;
        this.items.push(step.value);
        this.take(step.value);
        this.#tell();
      }
    } catch (error) {
      this.error = error;
    }
    this.ended = true;
    this.#tell();
  }

  #tell(): void {
    for (const check of [...this.#waiting]) check();
  }
}

/** Applies roster updates as a client does. */
export class RosterReader extends Reader<RosterUpdate> {
  readonly roster = new Map<UserId, View>();

  get cursor(): string {
    return this.items.at(-1)?.cursor ?? '';
  }

  status(userId: UserId): string | undefined {
    return this.roster.get(userId)?.status;
  }

  sees(userId: UserId, status: string): Promise<this> {
    return this.until(`${userId} to be ${status}`, () => this.status(userId) === status);
  }

  protected override take(update: RosterUpdate): void {
    if (update.reset) this.roster.clear();
    for (const { id, view } of update.changes) this.roster.set(id, view);
    for (const id of update.removed) this.roster.delete(id);
  }
}
