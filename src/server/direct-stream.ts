import type { ExecutionResult, GraphQLError } from 'graphql';
import { inOnePiece, toBinary } from '../graphql/binary-text.ts';
import type { TextStream } from '../graphql/text-stream.ts';
import type { Held, LibraryContext } from './outlet.ts';

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };

/**
 * A subscription whose messages go straight to the line. A stream is pulled: while the line is not free nothing is taken
 * from it.
 *
 * To the library it is an iterator that never gives anything, and so it tells of its end itself. That spares the most
 * part of what a stream would cost in memory: the library's loop over an iterator keeps the message that asked for the
 * stream, its query and variables, for as long as it waits; one that waits for what nobody can give is collected.
 */
export class DirectStream implements AsyncIterableIterator<ExecutionResult, undefined, undefined>, Held {
  readonly #id: string;
  readonly #texts: TextStream;
  readonly #library: LibraryContext;
  readonly #refusalOf: (error: unknown) => GraphQLError;
  /** What each of its messages begins with, but for the last one. */
  readonly #before: string;

  /** `id` is that of the operation; `refusalOf` gives what a client is told of an error. */
  constructor(id: string, texts: TextStream, library: LibraryContext, refusalOf: (error: unknown) => GraphQLError) {
    this.#id = id;
    this.#texts = texts;
    this.#library = library;
    this.#refusalOf = refusalOf;
    this.#before = inOnePiece(`{"id":${toBinary(JSON.stringify(id))},"type":"next","payload":`);
    library.extra.hold(this);
  }

  /** Called once, when the library is ready. */
  next(): Promise<never> {
    this.#texts.onNews(this.#flush);
    this.#flush();
    return new Promise(() => {});
  }

  async return(): Promise<IteratorResult<ExecutionResult, undefined>> {
    this.#library.extra.letGo(this);
    await this.#texts.end();
    return DONE;
  }

  /** Without a word to the client. Idempotent. */
  end(): void {
    this.#library.extra.letGo(this);
    void this.#texts.end();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Writes what there is to write if the line is free, else as soon as it is. Never throws: a failure ends the stream. */
  readonly #flush = (): void => {
    // A client that has taken its id for something else cannot end it any more.
    if (this.#library.subscriptions[this.#id] !== this) {
      this.end();
      return;
    }
    if (!this.#library.extra.free) {
      this.#library.extra.onFree(this.#flush);
      return;
    }
    if (this.#texts.ended) {
      this.#end('"complete"}');
      return;
    }
    try {
      const text = this.#texts.take();
      if (text !== null) this.#library.extra.write(`${this.#before}${text}}`);
    } catch (error) {
      const errors = JSON.stringify([this.#refusalOf(error)]);
      this.#end(`"error","payload":${toBinary(errors)}}`);
    }
  };

  /** The last message, which ends with `rest`. */
  #end(rest: string): void {
    const { extra: outlet, subscriptions } = this.#library;
    delete subscriptions[this.#id];
    this.end();
    outlet.write(`{"id":${toBinary(JSON.stringify(this.#id))},"type":${rest}`);
  }
}
