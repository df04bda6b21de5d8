import type { ExecutionArgs, GraphQLSchema } from 'graphql';
import { type ConnectionInitMessage, makeServer, type Server } from 'graphql-ws';
import { limitExceeded, RollcallError } from '../errors.ts';
import { prepare } from '../graphql/documents.ts';
import { type ReportUnexpected, toClientError } from '../graphql/errors.ts';
import { executeOperation, type OperationArguments } from '../graphql/execute.ts';
import { subscribeToText, TextStream } from '../graphql/text-stream.ts';
import { UpdateWriters } from '../graphql/update-writers.ts';
import type { Clock } from '../presence/time.ts';
import type { Rollcall } from '../service/api.ts';
import type { Authenticate } from './auth.ts';
import { CLOSE_FORBIDDEN, CLOSE_TRY_LATER, type Connection } from './connection.ts';
import { takeToken } from './credentials.ts';
import { DirectStream, Pump } from './direct-stream.ts';
import type { Metrics } from './metrics.ts';
import { expired } from './token-verifier.ts';

/** Operations that one socket may have under way at once, subscriptions among them. */
export const MAX_OPERATIONS = 100;
/** A client that has opened a socket must say connection_init within this; 4408 else. */
const INIT_WAIT_MS = 10_000;

export interface ProtocolParts {
  readonly schema: GraphQLSchema;
  readonly rollcall: Rollcall;
  readonly clock: Clock;
  readonly authenticate: Authenticate;
  readonly metrics: Metrics;
  readonly report: ReportUnexpected;
}

/**
 * What is said over a WebSocket: the protocol graphql-transport-ws, with documents, execution and errors of `graphql/`.
 * Whatever is wrong with an operation answers that operation; only a bad token and breaches of the protocol close the
 * socket.
 */
export function createProtocol(parts: ProtocolParts): Server<Connection> {
  const { schema, rollcall, clock, authenticate, metrics, report } = parts;
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
        const token = takeToken(connectionParams);
        if (token !== null) connection.signIn(await authenticate(token), clock);
        return true;
      } catch (error) {
        const { message } = toClientError(error, report);
        const refused = error instanceof RollcallError && error.code === 'UNAUTHENTICATED';
        connection.close(refused ? CLOSE_FORBIDDEN : CLOSE_TRY_LATER, message);
        // The library closes with 4403 itself, which is too late to count.
        return false;
      }
    },

    onSubscribe({ extra: connection, subscriptions }, id, { query, operationName, variables }) {
      try {
        if (!connection.mayAsk()) throw expired();
        // The operation that is asked for is among them already.
        if (Object.keys(subscriptions).length > MAX_OPERATIONS) {
          throw limitExceeded(`One connection can have ${MAX_OPERATIONS} operations under way at once.`);
        }
        const prepared = prepare(schema, { query, operationName }, report);
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
