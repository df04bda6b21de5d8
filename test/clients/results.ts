import type { TypedDocumentNode } from '@graphql-typed-document-node/core';

interface Result {
  readonly data?: unknown;
  readonly errors?: readonly { readonly message: string }[] | undefined;
}
type Variables = Record<string, unknown>;

/** The data of a result, as its document types it; throws what errors it holds. */
export function unwrap<T>(_document: TypedDocumentNode<T, never>, result: Result): T {
  if (result.errors) throw new Error(result.errors.map(({ message }) => message).join('; '));
  // The document's types were generated from the schema that made this data.
  return result.data as T;
}

/** Runs a query or mutation over a client that knows only streams: its one result. */
export function only(
  run: (document: TypedDocumentNode<unknown, never>, variables: Variables) => AsyncIterableIterator<Result>,
) {
  return async <T, V extends Variables>(document: TypedDocumentNode<T, V>, variables: V): Promise<T> => {
    for await (const result of run(document, variables)) return unwrap(document, result);
    throw new Error('The operation ended without a result.');
  };
}

/** Unlike an async generator it can be ended while it waits for the next item. */
export function mapStream<T, U>(source: AsyncIterableIterator<T>, change: (item: T) => U): AsyncIterator<U> {
  return {
    next: async () => {
      const step = await source.next();
      return step.done ? { done: true, value: undefined } : { done: false, value: change(step.value) };
    },
    return: async () => {
      await source.return?.();
      return { done: true, value: undefined };
    },
  };
}

/** What a callback is handed, as a stream. */
export function streamOf<T>(
  start: (sink: { next: (item: T) => void; error: (error: unknown) => void; end: () => void }) => () => void,
): AsyncIterator<T> {
  const items: T[] = [];
  let failure: unknown = null;
  let ended = false;
  let wake: (() => void) | null = null;
  const tell = (): void => {
    wake?.();
    wake = null;
  };
  const stop = start({
    next: (item) => {
      items.push(item);
      tell();
    },
    error: (error) => {
      failure = error;
      tell();
    },
    end: () => {
      ended = true;
      tell();
    },
  });
  return {
    next: async () => {
      for (;;) {
        const item = items.shift();
        if (item !== undefined) return { done: false, value: item };
        if (failure) throw failure;
        if (ended) return { done: true, value: undefined };
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    return: async () => {
      ended = true;
      stop();
      tell();
      return { done: true, value: undefined };
    },
  };
}
