import type { ExecutionArgs, GraphQLSchema } from 'graphql';
import { type ConnectionInitMessage, makeServer, type Server } from 'graphql-ws';
import { limitExceeded, RollcallError } from '../errors.ts';
import type { Documents } from '../graphql/documents.ts';
import { type ReportUnexpected, toClientError } from '../graphql/errors.ts';
import { executeOperation, type OperationArguments } from '../graphql/execute.ts';
import { subscribeToText, TextStream } from '../graphql/text-stream.ts';
import { UpdateWriters } from '../graphql/update-writers.ts';
import type { Clock } from '../presence/time.ts';
import type { Rollcall } from '../service/api.ts';
import type { Authenticate } from './auth.ts';
import { CLOSE_FORBIDDEN, CLOSE_TRY_LATER, type Connection } from './connection.ts';
import { tokenFromConnectionParams } from './credentials.ts';
import { DirectStream, Pump } from './direct-stream.ts';
import type { Limits } from './limits.ts';
import type { Metrics } from './metrics.ts';

/** A client that has opened a socket must say connection_init within this; 4408 else. */
const INIT_WAIT_MS = 10_000;

export interface ProtocolParts {
  readonly schema: GraphQLSchema;
  readonly documents: Documents;
  readonly rollcall: Rollcall;
  readonly clock: Clock;
  readonly authenticate: Authenticate;
  readonly limits: Limits;
  readonly metrics: Metrics;
  readonly report: ReportUnexpected;
}

/**
 * What is said over a WebSocket: the protocol graphql-transport-ws, with documents, execution and errors of `graphql/`.
 * Whatever is wrong with an operation answers that operation; only a bad token and breaches of the protocol close the
 * socket.
 */
export function createProtocol(parts: ProtocolParts): Server<Connection> {
  const { schema, documents, rollcall, clock, authenticate, limits, metrics, report } = parts;
  const { operationsPerSocket } = limits.config;
  const writers = new UpdateWriters(schema);
  const pump = new Pump();
  /** What was prepared for the arguments that the library carries from one callback to the next. */
  const requests = new WeakMap<ExecutionArgs, Request>();
  const requestOf = (args: ExecutionArgs): Request => {
    const request = requests.get(args);
    if (!request) throw new Error('an operation was executed that had not been prepared');
    return request;
  };

  return makeServer<ConnectionInitMessage['payload'], Connection>({
    connectionInitWaitTimeout: INIT_WAIT_MS,

    async onConnect({ extra: connection, connectionParams }) {
      try {
        const token = tokenFromConnectionParams(connectionParams);
        if (token !== null) connection.signIn(await authenticate(token), clock);
        const full = connection.enter(limits.perUser);
        if (full) connection.close(CLOSE_TRY_LATER, `${full.code}: ${full.message}`);
        return full === null;
      } catch (error) {
        const { message } = toClientError(error, report);
        const refused = error instanceof RollcallError && error.code === 'UNAUTHENTICATED';
        connection.close(refused ? CLOSE_FORBIDDEN : CLOSE_TRY_LATER, message);
        // The library closes with 4403 itself, which is too late to count.
        return false;
      }
    },

    onSubscribe({ extra: connection, subscriptions }, id, payload) {
      const { operationName, variables } = payload;
      try {
        // The operation that is asked for is among them already.
        if (Object.keys(subscriptions).length > operationsPerSocket) {
          throw limitExceeded(`One connection can have ${operationsPerSocket} operations under way at once.`);
        }
        const limited = connection.caller && limits.operations.begin(connection.caller.userId);
        if (limited) throw limited;
        const prepared = documents.prepare(payload, report);
        const type = prepared.errors ? 'invalid' : prepared.operation.operation;
        metrics.operations.inc({ transport: 'websocket', type });
        if (prepared.errors) return prepared.errors;
        const { document } = prepared;
        const args: ExecutionArgs = { schema, document, operationName, variableValues: variables };
        const context = { rollcall, caller: connection.caller };
        const operation = { schema, document, operationName, variables, context, report };
        requests.set(args, { id, connection, operation });
        return args;
      } catch (error) {
        return [toClientError(error, report)];
      }
    },

    execute: (args) => executeOperation(requestOf(args).operation),
    async subscribe(args) {
      const { id, connection, operation } = requestOf(args);
      const outcome = await subscribeToText(operation, writers);
      return outcome instanceof TextStream ? new DirectStream(id, outcome, connection, pump) : outcome;
    },
    onError: (_context, _id, _payload, errors) => errors.map((error) => toClientError(error, report).toJSON()),
  });
}

interface Request {
  /** That of the operation, as the client has named it. */
  readonly id: string;
  readonly connection: Connection;
  readonly operation: OperationArguments;
}
