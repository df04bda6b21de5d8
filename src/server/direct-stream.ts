import type { ExecutionResult, GraphQLError } from 'graphql';
import { inOnePiece, toBinary } from '../graphql/binary-text.ts';
import type { TextStream } from '../graphql/text-stream.ts';

/** Where messages go out, one line for all streams of a connection. */
export interface Outlet {
  /** What was written before is out. */
  readonly free: boolean;
  /** Called once, when the line has become free. Asking again with the same listener changes nothing. */
  onFree(listener: () => void): void;
  /** One message, as a binary string. */
  write(text: string): void;
}

/** What the library that keeps account of the operations knows of a connection. */
export interface LibraryContext {
  readonly extra: Outlet;
  /** What is under way, by id. */
  readonly subscriptions: Record<string, unknown>;
}

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };
/** How many streams are served before others get their turn. */
const TURN = 256;

/**
 * Takes from streams what is new and writes it, all streams of a node in one go after what has come in at once has been
 * dealt with: so changes that come together leave together.
 */
export class Pump {
  readonly #queue = new Set<DirectStream>();
  /** What a client is told of an error. */
  readonly refusalOf: (error: unknown) => GraphQLError;
  #scheduled = false;

  constructor(refusalOf: (error: unknown) => GraphQLError) {
    this.refusalOf = refusalOf;
  }

  schedule(stream: DirectStream): void {
    this.#queue.add(stream);
    this.#plan();
  }

  #plan(): void {
    if (this.#scheduled || this.#queue.size === 0) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      let count = 0;
      for (const stream of this.#queue) {
        if (++count > TURN) break;
        this.#queue.delete(stream);
        stream.flush();
      }
      this.#plan();
    });
  }
}

/**
 * A subscription whose messages go straight to the line. A stream is pulled: while the line is not free nothing is taken
 * from it.
 *
 * To the library it is an iterator that never gives anything, and so it tells of its end itself. That spares the most
 * part of what a stream would cost in memory: the library's loop over an iterator keeps the message that asked for the
 * stream, its query and variables, for as long as it waits; one that waits for what nobody can give is collected.
 */
export class DirectStream implements AsyncIterableIterator<ExecutionResult, undefined, undefined> {
  readonly #id: string;
  readonly #texts: TextStream;
  readonly #library: LibraryContext;
  readonly #pump: Pump;
  /** What each of its messages begins with. */
  readonly #before: string;
  readonly #again = (): void => this.#pump.schedule(this);

  /** `id` is that of the operation. */
  constructor(id: string, texts: TextStream, library: LibraryContext, pump: Pump) {
    this.#id = id;
    this.#texts = texts;
    this.#library = library;
    this.#pump = pump;
    this.#before = inOnePiece(`{"id":${toBinary(JSON.stringify(id))},"type":"`);
  }

  /** Called once, when the library is ready. */
  next(): Promise<never> {
    this.#texts.onNews(this.#again);
    this.#again();
    return new Promise(() => {});
  }

  async return(): Promise<IteratorResult<ExecutionResult, undefined>> {
    await this.#texts.end();
    return DONE;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Writes what there is to write if the line is free, else as soon as it is. Never throws: a failure ends the stream. */
  flush(): void {
    if (!this.#library.extra.free) {
      this.#library.extra.onFree(this.#again);
      return;
    }
    if (this.#texts.ended) {
      this.#end('complete"}');
      return;
    }
    try {
      const text = this.#texts.take();
      if (text !== null) this.#library.extra.write(`${this.#before}next","payload":${text}}`);
    } catch (error) {
      const errors = JSON.stringify([this.#pump.refusalOf(error)]);
      this.#end(`error","payload":${toBinary(errors)}}`);
      void this.#texts.end();
    }
  }

  /** The last message, unless the library has been told of the end already: by the client, or by that of the connection. */
  #end(message: string): void {
    const { extra: outlet, subscriptions } = this.#library;
    if (subscriptions[this.#id] !== this) return;
    delete subscriptions[this.#id];
    outlet.write(this.#before + message);
  }
}
