import type { FriendGraph } from '../friends/port.ts';
import type { Logger } from '../log.ts';
import type { PresenceRecord, UserId } from '../presence/record.ts';
import type { People } from './people.ts';
import type { Follower, Person } from './person.ts';

/**
 * The stream of a viewer's own state: an item at once, then one whenever something that the viewer can see of it
 * changed, friend list and requests included. Holds no queue: an item is made from the newest state when it is taken.
 */
export class OwnFeed implements Follower, AsyncIterableIterator<PresenceRecord, undefined, undefined> {
  readonly #viewer: UserId;
  readonly #people: People;
  readonly #graph: FriendGraph;
  readonly #log: Logger;
  readonly #whenEnded: () => void;
  #unlisten: (() => Promise<void>) | null = null;
  #person: Person | null = null;
  #latest: PresenceRecord | null = null;
  #news = false;
  #wake: (() => void) | null = null;
  #ended = false;

  constructor(viewer: UserId, people: People, graph: FriendGraph, log: Logger, whenEnded: () => void) {
    this.#viewer = viewer;
    this.#people = people;
    this.#graph = graph;
    this.#log = log;
    this.#whenEnded = whenEnded;
  }

  /** `current` reads the record afresh: the first item is never older than this call. */
  async open(current: () => Promise<PresenceRecord>): Promise<void> {
    try {
      this.#unlisten = await this.#graph.listen(this.#viewer, () => this.#tell());
      this.#person = await this.#people.follow(this.#viewer, this);
      const record = await current();
      // What is told can be behind it: it must not take the stream back on its way there.
      this.#people.learn(this.#viewer, record);
      if (this.#latest === null || record.rev >= this.#latest.rev) this.#latest = record;
      this.#news = true;
    } catch (error) {
      await this.return();
      throw error;
    } finally {
      // What ended meanwhile could not let go of what it did not have yet.
      if (this.#ended) await this.#letGo();
    }
  }

  recordChanged(record: PresenceRecord): void {
    this.#latest = record;
    this.#tell();
  }

  async next(): Promise<IteratorResult<PresenceRecord, undefined>> {
    while (!this.#ended) {
      if (this.#news && this.#latest !== null) {
        this.#news = false;
        return { done: false, value: this.#latest };
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return { done: true, value: undefined };
  }

  /** Idempotent; a `next` that waits resolves as done. */
  async return(): Promise<IteratorResult<PresenceRecord, undefined>> {
    if (!this.#ended) {
      this.#ended = true;
      this.#whenEnded();
      this.#tell();
      await this.#letGo();
    }
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async #letGo(): Promise<void> {
    if (this.#person) this.#people.unfollow(this.#person, this);
    const unlisten = this.#unlisten;
    this.#unlisten = null;
    await unlisten?.().catch((error: unknown) => {
      this.#log.debug({ err: error }, 'could not stop listening to a friend list');
    });
  }

  #tell(): void {
    this.#news = true;
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }
}
