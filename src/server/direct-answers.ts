import type { ExecutionResult, GraphQLSchema } from 'graphql';
import type { Counter } from 'prom-client';
import { toBinary } from '../graphql/binary-text.ts';
import { CompiledOperations } from '../graphql/compiled-operation.ts';
import type { Documents, PreparedOperation } from '../graphql/documents.ts';
import type { ReportUnexpected } from '../graphql/errors.ts';
import type { OperationArguments } from '../graphql/execute.ts';
import { isObject, parseObject } from '../graphql/json.ts';
import type { Rollcall } from '../service/api.ts';
import { type AskedOperation, askedOperation } from './asked-operation.ts';
import type { Connection } from './connection.ts';
import type { Limits } from './limits.ts';
import type { Metrics } from './metrics.ts';
import type { LibraryContext } from './outlet.ts';

export interface DirectAnswersParts {
  readonly schema: GraphQLSchema;
  readonly documents: Documents;
  readonly rollcall: Rollcall;
  readonly limits: Limits;
  readonly metrics: Metrics;
  readonly report: ReportUnexpected;
}

/**
 * Answers queries and mutations over a WebSocket without the layers that the library has for every kind of operation: what
 * a client can see of it is the same. The operations are kept account of where the library keeps that of all.
 */
export class DirectAnswers {
  readonly #parts: DirectAnswersParts;
  readonly #operations: CompiledOperations;
  readonly #counters: Readonly<Record<'query' | 'mutation', Counter.Internal>>;

  constructor(parts: DirectAnswersParts) {
    this.#parts = parts;
    this.#operations = new CompiledOperations(parts.schema);
    const counterOf = (type: string) => parts.metrics.operations.labels({ transport: 'websocket', type });
    this.#counters = { query: counterOf('query'), mutation: counterOf('mutation') };
  }

  /**
   * Null, and nothing was done, where the message is for the library: one that is no such operation, that breaks the
   * protocol, or whose document has not been read yet. Else resolves when it has been answered; never rejects.
   */
  take(text: string, connection: Connection): Promise<void> | null {
    const { library } = connection;
    if (!library?.acknowledged) return null;
    const asked = parse(text);
    if (asked === null || asked.id in library.subscriptions) return null;
    const { schema, documents, rollcall, limits, report } = this.#parts;
    if (Object.keys(library.subscriptions).length >= limits.config.operationsPerSocket) return null;
    const prepared = documents.recall(asked);
    if (prepared === null || prepared.operation.operation === 'subscription') return null;
    // Whoever may not is told so by the library.
    if (!connection.mayAsk()) return null;
    if (connection.caller && limits.operations.begin(connection.caller.userId)) return null;
    this.#counters[prepared.operation.operation].inc();
    const { document } = prepared;
    const { operationName, variables } = asked;
    const context = { rollcall, caller: connection.caller };
    const operation = { schema, document, operationName, variables, context, report };
    return this.#answer(asked.id, prepared, operation, connection, library);
  }

  async #answer(
    id: string,
    prepared: PreparedOperation,
    operation: OperationArguments,
    connection: Connection,
    library: LibraryContext,
  ): Promise<void> {
    // It may be used for something else once the client has no more use for this.
    const mark = {};
    library.subscriptions[id] = mark;
    try {
      const result = await this.#operations.run(prepared, operation);
      if (library.subscriptions[id] !== mark) return;
      const named = toBinary(JSON.stringify(id));
      const payload = typeof result === 'string' ? result : toBinary(JSON.stringify(payloadOf(result)));
      const sent = connection.sendBoth(
        `{"id":${named},"type":"next","payload":${payload}}`,
        `{"id":${named},"type":"complete"}`,
      );
      // Who does not read has it under way still.
      if (sent) await sent;
    } finally {
      if (library.subscriptions[id] === mark) delete library.subscriptions[id];
    }
  }
}

/** As the library writes it: errors behind the data. */
function payloadOf({ errors, ...rest }: ExecutionResult): object {
  return errors ? { ...rest, errors } : rest;
}

interface Asked extends AskedOperation {
  readonly id: string;
}

/** Null for whatever does not ask for an operation in the form that the protocol has. */
function parse(text: string): Asked | null {
  const message = parseObject(text);
  if (message?.['type'] !== 'subscribe') return null;
  const { id, payload } = message;
  if (typeof id !== 'string' || id === '' || !isObject(payload) || typeof payload['query'] !== 'string') return null;
  const asked = askedOperation(payload);
  return asked && { ...asked, id };
}
