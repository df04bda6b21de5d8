import {
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  execute,
  type GraphQLSchema,
  subscribe,
} from 'graphql';
import type { GraphQLContext } from './context.ts';
import { type ReportUnexpected, toClientError } from './errors.ts';
import { isClosed } from './introspection.ts';

/** A prepared operation with all that it runs on. */
export interface OperationArguments {
  readonly schema: GraphQLSchema;
  /** As `prepare` gave it: it is not validated again. */
  readonly document: DocumentNode;
  readonly operationName?: string | null | undefined;
  readonly variables?: Readonly<Record<string, unknown>> | null | undefined;
  readonly context: GraphQLContext;
  readonly report?: ReportUnexpected | undefined;
}

/** Ends by itself after a result that holds the stream's failure. `return` ends it and frees its source, at any time. */
export type ResponseStream = AsyncIterableIterator<ExecutionResult>;

/** Runs a query or mutation. Never rejects; all errors in the result are fit for clients. `rootValue` is for its fields. */
export async function executeOperation(operation: OperationArguments, rootValue?: unknown): Promise<ExecutionResult> {
  try {
    return withClientErrors(await execute({ ...executionArguments(operation), rootValue }), operation.report);
  } catch (error) {
    return failed(error, operation.report);
  }
}

/**
 * Starts a subscription. Never rejects: a result instead of a stream says why there is none. The stream never rejects
 * either; a source that fails is told as one last result.
 */
export async function subscribeOperation(operation: OperationArguments): Promise<ResponseStream | ExecutionResult> {
  try {
    const started = await subscribe(executionArguments(operation));
    if (!(Symbol.asyncIterator in started)) return withClientErrors(started, operation.report);
    return responseStream(started, operation.report);
  } catch (error) {
    return failed(error, operation.report);
  }
}

/** Tells the two outcomes of `subscribeOperation` apart. */
export function isResponseStream(outcome: ResponseStream | ExecutionResult): outcome is ResponseStream {
  return Symbol.asyncIterator in outcome;
}

/** The same result when there is no error in it. */
export function withClientErrors(result: ExecutionResult, report?: ReportUnexpected): ExecutionResult {
  if (result.errors === undefined) return result;
  return { ...result, errors: result.errors.map((error) => toClientError(error, report)) };
}

export function executionArguments(operation: OperationArguments): ExecutionArgs {
  return {
    schema: operation.schema,
    document: operation.document,
    contextValue: operation.context,
    variableValues: operation.variables,
    operationName: operation.operationName,
    hideSuggestions: isClosed(operation.schema),
  };
}

function failed(error: unknown, report: ReportUnexpected | undefined): ExecutionResult {
  return { errors: [toClientError(error, report)] };
}

function responseStream(
  source: AsyncGenerator<ExecutionResult, void, void>,
  report: ReportUnexpected | undefined,
): ResponseStream {
  let ended = false;
  const end = async (): Promise<IteratorReturnResult<undefined>> => {
    ended = true;
    try {
      await source.return();
    } catch (error) {
      report?.(error);
    }
    return { value: undefined, done: true };
  };
  return {
    async next() {
      if (ended) return { value: undefined, done: true };
      try {
        const step = await source.next();
        if (!step.done) return { value: withClientErrors(step.value, report), done: false };
        ended = true;
        return { value: undefined, done: true };
      } catch (error) {
        await end();
        return { value: failed(error, report), done: false };
      }
    },
    return: end,
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
