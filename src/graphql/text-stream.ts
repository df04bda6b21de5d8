import { createSourceEventStream, type ExecutionResult } from 'graphql';
import type { UpdateFeed } from '../roster/update.ts';
import { fromBinary } from './binary-text.ts';
import { toClientError } from './errors.ts';
import {
  executionArguments,
  type OperationArguments,
  type ResponseStream,
  subscribeOperation,
  withClientErrors,
} from './execute.ts';
import type { UpdateWriter } from './update-writer.ts';
import type { UpdateWriters } from './update-writers.ts';

/** A result that is written already: `stringify` gives its JSON. Yoga asks for it, as Envelop has it. */
export interface WrittenResult extends ExecutionResult {
  stringify(): string;
}

/** The results of a subscription as JSON, in binary strings: one character a byte of UTF-8. Taken by one reader. */
export class TextStream {
  readonly #feed: UpdateFeed;
  readonly #writer: UpdateWriter;

  constructor(feed: UpdateFeed, writer: UpdateWriter) {
    this.#feed = feed;
    this.#writer = writer;
  }

  /** The next result, made from the newest state; null while there is none. */
  take(): string | null {
    const update = this.#feed.take();
    return update === null ? null : this.#writer.write(update);
  }

  /** For a reader who waits for each, in the place of `take` and `onNews`. */
  results(): AsyncIterableIterator<WrittenResult> {
    const results: AsyncIterableIterator<WrittenResult> = {
      next: async () => {
        const { done, value } = await this.#feed.next();
        if (done) return { done, value };
        const text = fromBinary(this.#writer.write(value));
        return { done: false, value: { stringify: () => text } };
      },
      return: async () => {
        await this.end();
        return { done: true, value: undefined };
      },
      [Symbol.asyncIterator]: () => results,
    };
    return results;
  }

  /** Called whenever `take` may have become able to give one, and at the end. */
  onNews(listener: () => void): void {
    this.#feed.onNews(listener);
  }

  get ended(): boolean {
    return this.#feed.ended;
  }

  /** Idempotent. Frees the source. */
  async end(): Promise<void> {
    await this.#feed.return?.();
  }
}

/**
 * As `subscribeOperation`, but where viewers who ask alike are told the same, results come as text that is made once for
 * all of them. It is what executing each and `JSON.stringify` would give.
 */
export async function subscribeToText(
  operation: OperationArguments,
  writers: UpdateWriters,
): Promise<TextStream | ResponseStream | ExecutionResult> {
  try {
    const writer = writers.for(operation);
    if (writer === null) return await subscribeOperation(operation);
    const source = await createSourceEventStream(executionArguments(operation));
    if (!(Symbol.asyncIterator in source)) return withClientErrors(source, operation.report);
    // A writer is only had for subscriptions to a roster, and those give this kind of feed.
    return new TextStream(source as UpdateFeed, writer);
  } catch (error) {
    return { errors: [toClientError(error, operation.report)] };
  }
}
