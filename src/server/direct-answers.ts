import type { ExecutionResult, GraphQLSchema } from 'graphql';
import type { Counter } from 'prom-client';
import { toBinary } from '../graphql/binary-text.ts';
import { CompiledOperations } from '../graphql/compiled-operation.ts';
import { type PreparedOperation, recall } from '../graphql/documents.ts';
import type { ReportUnexpected } from '../graphql/errors.ts';
import type { OperationArguments } from '../graphql/execute.ts';
import type { Rollcall } from '../service/api.ts';
import { AskedReader } from './asked.ts';
import type { Connection, ProtocolState } from './connection.ts';
import type { Metrics } from './metrics.ts';

/** Operations that one socket may have under way at once, subscriptions among them. */
export const MAX_OPERATIONS = 100;

export interface DirectAnswersParts {
  readonly schema: GraphQLSchema;
  readonly rollcall: Rollcall;
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
    const { state } = connection;
    if (!state?.acknowledged) return null;
    connection.asked ??= new AskedReader();
    const asked = connection.asked.read(text);
    if (asked === null || asked.id in state.subscriptions) return null;
    if (Object.keys(state.subscriptions).length >= MAX_OPERATIONS) return null;
    const { schema, rollcall, report } = this.#parts;
    const prepared = recall(schema, asked);
    if (prepared === null || prepared.operation.operation === 'subscription') return null;
    this.#counters[prepared.operation.operation].inc();
    const { document } = prepared;
    const { operationName, variables } = asked;
    const context = { rollcall, caller: connection.caller };
    const operation = { schema, document, operationName, variables, context, report };
    return this.#answer(asked.id, prepared, operation, connection, state);
  }

  async #answer(
    id: string,
    prepared: PreparedOperation,
    operation: OperationArguments,
    connection: Connection,
    state: ProtocolState,
  ): Promise<void> {
    state.subscriptions[id] = null;
    try {
      const result = await this.#operations.run(prepared, operation);
      // The client has no more use for it.
      if (!(id in state.subscriptions)) return;
      const named = toBinary(JSON.stringify(id));
      const payload = typeof result === 'string' ? result : toBinary(JSON.stringify(payloadOf(result)));
      const sent = connection.sendBoth(
        `{"id":${named},"type":"next","payload":${payload}}`,
        `{"id":${named},"type":"complete"}`,
      );
      // Who does not read has it under way still.
      if (sent) await sent;
    } finally {
      delete state.subscriptions[id];
    }
  }
}

/** As the library writes it: errors behind the data. */
function payloadOf({ errors, ...rest }: ExecutionResult): object {
  return errors ? { ...rest, errors } : rest;
}
