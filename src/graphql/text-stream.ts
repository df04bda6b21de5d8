import { createSourceEventStream, type ExecutionResult } from 'graphql';
import type { UpdateFeed } from '../roster/update.ts';
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
