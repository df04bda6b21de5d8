import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import { type ExecutionResult, print } from 'graphql';
import type { GraphQLContext } from '../../src/graphql/context.ts';
import { Documents } from '../../src/graphql/documents.ts';
import {
  executeOperation,
  isResponseStream,
  type ResponseStream,
  subscribeOperation,
} from '../../src/graphql/execute.ts';
import { buildSchema } from '../../src/graphql/schema.ts';
import type { Caller, Rollcall } from '../../src/service/api.ts';
import { Reader } from '../support/reader.ts';

type Variables = Record<string, unknown>;

/** What clients find in `extensions`, with the message. */
export interface Refusal {
  readonly code: unknown;
  readonly argument?: unknown;
  readonly message: string;
}

/** The GraphQL layer over a running service, without a transport: requests are texts, as they come over the wire. */
export class Graph {
  readonly schema = buildSchema();
  readonly #documents = new Documents(this.schema);
  readonly unexpected: unknown[] = [];
  readonly #rollcall: Rollcall;
  readonly #readers: Reader<unknown>[] = [];

  constructor(rollcall: Rollcall) {
    this.#rollcall = rollcall;
  }

  /** As a transport would send it: nothing but JSON. */
  async execute(caller: Caller | null, query: string, variables: Variables = {}): Promise<ExecutionResult> {
    const prepared = this.#documents.prepare({ query });
    const result = prepared.errors ?? (await executeOperation(this.#arguments(prepared.document, caller, variables)));
    return JSON.parse(JSON.stringify(Array.isArray(result) ? { errors: result } : result));
  }

  async run<T, V extends Variables>(caller: Caller, document: TypedDocumentNode<T, V>, variables: V): Promise<T> {
    const result = await this.execute(caller, print(document), variables);
    if (result.errors) throw new Error(JSON.stringify(result.errors));
    // The document's types were generated from the schema that made this data.
    return result.data as T;
  }

  async refusal(caller: Caller | null, query: string, variables: Variables = {}): Promise<Refusal> {
    const result = await this.execute(caller, query, variables);
    if (result.data) throw new Error(`not refused: ${JSON.stringify(result)}`);
    return refusalIn(result);
  }

  async subscribe(caller: Caller | null, query: string, variables: Variables = {}): Promise<ResponseStream | Refusal> {
    const prepared = this.#documents.prepare({ query });
    if (prepared.errors) return refusalIn({ errors: prepared.errors });
    const outcome = await subscribeOperation(this.#arguments(prepared.document, caller, variables));
    return isResponseStream(outcome) ? outcome : refusalIn(outcome);
  }

  async watch<T, V extends Variables>(
    caller: Caller,
    document: TypedDocumentNode<T, V>,
    variables: V,
  ): Promise<Reader<T>> {
    const outcome = await this.subscribe(caller, print(document), variables);
    if ('code' in outcome) throw new Error(JSON.stringify(outcome));
    const reader = new Reader<T>(dataOf<T>(outcome));
    this.#readers.push(reader);
    return reader;
  }

  async close(): Promise<void> {
    for (const reader of this.#readers) await reader.close();
  }

  #arguments(
    document: Parameters<typeof executeOperation>[0]['document'],
    caller: Caller | null,
    variables: Variables,
  ) {
    const context: GraphQLContext = { rollcall: this.#rollcall, caller };
    const report = (error: unknown): void => void this.unexpected.push(error);
    return { schema: this.schema, document, variables, context, report };
  }
}

function refusalIn({ errors = [] }: Pick<ExecutionResult, 'errors'>): Refusal {
  const [error] = errors;
  if (!error) throw new Error('there is no error');
  const { code, argument } = error.extensions;
  return { code, message: error.message, ...(argument === undefined ? {} : { argument }) };
}

function dataOf<T>(stream: ResponseStream): AsyncIterator<T> {
  return {
    next: async () => {
      const step = await stream.next();
      if (step.done) return { done: true, value: undefined };
      if (step.value.errors) throw new Error(JSON.stringify(step.value.errors));
      // The document's types were generated from the schema that made this data.
      return { done: false, value: JSON.parse(JSON.stringify(step.value.data)) as T };
    },
    return: async () => {
      await stream.return?.();
      return { done: true, value: undefined };
    },
  };
}
