import { isDeepStrictEqual } from 'node:util';
import type { View } from '../../src/presence/record.ts';
import type { Millis, Revision } from '../../src/presence/time.ts';
import type { RosterUpdate } from '../../src/roster/update.ts';
import type { Stream } from '../../src/service/api.ts';

/** One state of one friend, as it was shown. */
export interface ModelSighting {
  readonly viewer: string;
  readonly friend: string;
  readonly view: View;
  readonly stale: boolean;
  readonly where: string;
}

/** Everything that was shown to anybody, in a stream or in an answer. */
export class Book {
  readonly sightings: ModelSighting[] = [];
  readonly #contents = new Map<string, View>();

  /** Rule 4.1: to one viewer equal revisions are equal contents, wherever they are shown. */
  see(sighting: ModelSighting): void {
    const { viewer, friend, view, where } = sighting;
    const key = JSON.stringify([viewer, friend, view.rev]);
    const before = this.#contents.get(key);
    if (before && !isDeepStrictEqual(plain(before), plain(view))) {
      throw new Error(`rule 4.1: ${where}: ${friend} differs at one revision: ${text(before)} and ${text(view)}`);
    }
    if (!before) {
      this.#contents.set(key, view);
      this.sightings.push(sighting);
    }
  }
}

export interface StreamEvents {
  /** After each frame has been found to be one by itself. `first`: of its stream. */
  framed(stream: ModelStream, frame: RosterUpdate, first: boolean): void;
  failed(error: unknown): void;
}

export interface StreamOptions {
  readonly viewer: string;
  readonly only: readonly string[] | null;
  readonly coalesceMs: Millis;
}

/** A client with a roster: it holds what it was sent, and goes on with its cursor when it is cut off. */
export class ModelStream {
  readonly options: StreamOptions;
  readonly name: string;
  readonly held = new Map<string, View>();
  cursor: string | null = null;
  /** The number of the node that it is connected to; null while it is not. */
  node: number | null = null;
  stale = false;
  frames = 0;
  readonly #book: Book;
  readonly #events: StreamEvents;
  readonly #newest = new Map<string, Revision>();
  #feed: Stream<RosterUpdate> | null = null;
  #gate: Promise<void> = Promise.resolve();
  #open: (() => void) | null = null;

  constructor(name: string, options: StreamOptions, book: Book, events: StreamEvents) {
    this.name = name;
    this.options = options;
    this.#book = book;
    this.#events = events;
  }

  get isOpen(): boolean {
    return this.#feed !== null;
  }

  follow(feed: Stream<RosterUpdate>, node: number): void {
    this.#feed = feed;
    this.node = node;
    this.#read(feed, node).catch((error: unknown) => this.#events.failed(error));
  }

  stopReading(): void {
    if (this.#open) return;
    this.#gate = new Promise((resolve) => {
      this.#open = resolve;
    });
  }

  read(): void {
    this.#open?.();
    this.#open = null;
  }

  /** What it holds it keeps. */
  async close(): Promise<void> {
    const feed = this.#feed;
    this.#feed = null;
    this.node = null;
    this.read();
    await feed?.return?.();
  }

  async #read(feed: Stream<RosterUpdate>, node: number): Promise<void> {
    for (let first = true; ; first = false) {
      await this.#gate;
      const step = await feed.next();
      if (this.#feed !== feed) return;
      if (step.done) {
        this.#feed = null;
        this.node = null;
        return;
      }
      this.#take(step.value, node, first);
    }
  }

  #take(frame: RosterUpdate, node: number, first: boolean): void {
    const { reset, changes, removed, cursor, stale } = frame;
    const where = `${this.name} at node ${node}`;
    if (first && reset !== (this.cursor === null)) {
      throw new Error(`rules 6.4, 6.5: ${where}: the first frame says reset: ${reset}`);
    }
    if (!first && reset) throw new Error(`${where}: a later frame says reset`);
    if (!first && changes.length + removed.length === 0 && stale === this.stale) {
      throw new Error(`rule 7.4: ${where}: a frame without anything in it`);
    }
    const ids = [...changes.map(({ id }) => id), ...removed];
    if (new Set(ids).size !== ids.length) throw new Error(`rule 9.1: ${where}: somebody is twice in one frame: ${ids}`);
    const { only } = this.options;
    const unasked = ids.find((id) => only !== null && !only.includes(id));
    if (unasked !== undefined) throw new Error(`rule 8.8: ${where}: ${unasked} was not asked for`);
    if (reset) this.held.clear();
    for (const { id, view } of changes) {
      const newest = this.#newest.get(id) ?? 0;
      if (view.rev < newest) {
        throw new Error(`rules 4.2, 4.3: ${where}: ${id} went back in time from ${newest} to ${text(view)}`);
      }
      this.#newest.set(id, view.rev);
      this.held.set(id, view);
      this.#book.see({ viewer: this.options.viewer, friend: id, view, stale, where });
    }
    for (const id of removed) this.held.delete(id);
    this.cursor = cursor;
    this.stale = stale;
    this.frames += 1;
    this.#events.framed(this, frame, first);
  }
}

function plain(view: View): unknown {
  return JSON.parse(JSON.stringify(view));
}

function text(value: unknown): string {
  return JSON.stringify(value);
}
