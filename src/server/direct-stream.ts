import type { ExecutionResult } from 'graphql';
import { toBinary } from '../graphql/binary-text.ts';
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

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };

/**
 * A subscription whose messages go straight to the line. To the library that keeps account of the operations it is an
 * iterator that gives nothing but its end. A stream is pulled: while the line is not free nothing is taken from it.
 */
export class DirectStream implements AsyncIterableIterator<ExecutionResult, undefined, undefined> {
  readonly #texts: TextStream;
  readonly #outlet: Outlet;
  readonly #before: string;
  #end: { resolve: () => void; reject: (reason: unknown) => void } | null = null;

  /** `id` is that of the operation. */
  constructor(id: string, texts: TextStream, outlet: Outlet) {
    this.#texts = texts;
    this.#outlet = outlet;
    this.#before = `{"id":${toBinary(JSON.stringify(id))},"type":"next","payload":`;
  }

  /** Called once, when the library is ready; resolves at the end. */
  next(): Promise<IteratorResult<ExecutionResult, undefined>> {
    return new Promise((resolve, reject) => {
      this.#end = { resolve: () => resolve(DONE), reject };
      this.#texts.onNews(this.#flush);
      this.#flush();
    });
  }

  async return(): Promise<IteratorResult<ExecutionResult, undefined>> {
    await this.#texts.end();
    this.#end?.resolve();
    return DONE;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Writes what there is to write if the line is free, else as soon as it is. Never throws: a failure ends the stream. */
  readonly #flush = (): void => {
    try {
      if (this.#texts.ended) this.#end?.resolve();
      else if (!this.#outlet.free) this.#outlet.onFree(this.#flush);
      else this.#write(this.#texts.take());
    } catch (error) {
      this.#end?.reject(error);
      void this.#texts.end();
    }
  };

  #write(text: string | null): void {
    if (text !== null) this.#outlet.write(`${this.#before}${text}}`);
  }
}
