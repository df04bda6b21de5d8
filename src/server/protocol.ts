import type { ExecutionArgs, GraphQLError, GraphQLSchema } from 'graphql';
import { type ConnectionInitMessage, makeServer, type Server } from 'graphql-ws';
import { limitExceeded, RollcallError } from '../errors.ts';
import type { Documents } from '../graphql/documents.ts';
import { type ReportUnexpected, toClientError } from '../graphql/errors.ts';
import { executeOperation, type OperationArguments } from '../graphql/execute.ts';
import { subscribeToText, TextStream } from '../graphql/text-stream.ts';
import type { UpdateWriters } from '../graphql/update-writers.ts';
import type { Clock } from '../presence/time.ts';
import type { Rollcall } from '../service/api.ts';
import type { Authenticate } from './auth.ts';
import { CLOSE_FORBIDDEN, CLOSE_TRY_LATER, type Connection } from './connection.ts';
import { takeToken } from './credentials.ts';
import { DirectAnswers } from './direct-answers.ts';
import { DirectStream } from './direct-stream.ts';
import { withQuery } from './document-ids.ts';
import type { Limits } from './limits.ts';
import type { Metrics } from './metrics.ts';
import type { LibraryContext } from './outlet.ts';
import { expired } from './token-verifier.ts';

export interface ProtocolParts {
  readonly schema: GraphQLSchema;
  readonly documents: Documents;
  readonly rollcall: Rollcall;
  readonly clock: Clock;
  readonly authenticate: Authenticate;
  readonly limits: Limits;
  readonly metrics: Metrics;
  readonly report: ReportUnexpected;
  readonly writers: UpdateWriters;
}

export interface Protocol {
  /** What it returns is to be called when the connection has closed, with code and reason. */
  opened(connection: Connection): (code: number, reason: string) => Promise<void>;
  /** A message has come. Rejects for one that only servers send. */
  heard(connection: Connection, text: string): Promise<void>;
}

/**
 * What is said over a WebSocket: the protocol graphql-transport-ws, with documents, execution and errors of `graphql/`.
 * Whatever is wrong with an operation answers that operation; only a bad token and breaches of the protocol close the
 * socket.
 */
export function createProtocol(parts: ProtocolParts): Protocol {
  const library = openLibrary(parts);
  const answers = new DirectAnswers(parts);
  return {
    opened: (connection) => library.opened(connection, connection),
    heard: (connection, message) => {
      const text = withQuery(message);
      return answers.take(text, connection) ?? connection.heard(text);
    },
  };
}

function openLibrary(parts: ProtocolParts): Server<Connection> {
  const { schema, documents, rollcall, clock, authenticate, limits, metrics, report, writers } = parts;
  const { operationsPerSocket } = limits.config;
  const refusalOf = (error: unknown): GraphQLError => toClientError(error, report);
  /** What was prepared for the arguments that the library carries from one callback to the next. */
  const requests = new WeakMap<ExecutionArgs, Request>();
  const requestOf = (args: ExecutionArgs): Request => {
    const request = requests.get(args);
    if (!request) throw new Error('an operation was executed that had not been prepared');
    return request;
  };

  return makeServer<ConnectionInitMessage['payload'], Connection>({
    // The endpoint waits for it, with a timer that is not kept for as long as the connection is.
    connectionInitWaitTimeout: 0,

    async onConnect(library) {
      const { extra: connection } = library;
      connection.greeted();
      connection.library = library;
      try {
        const token = takeToken(library);
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

    onSubscribe(library, id, payload) {
      const { extra: connection } = library;
      const { operationName, variables } = payload;
      try {
        if (!connection.mayAsk()) throw expired();
        // The operation that is asked for is among them already.
        const count = Math.max(Object.keys(library.subscriptions).length, connection.holding + 1);
        if (count > operationsPerSocket) {
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
        requests.set(args, { id, library, operation });
        return args;
      } catch (error) {
        return [toClientError(error, report)];
      }
    },

    execute: (args) => executeOperation(requestOf(args).operation),
    async subscribe(args) {
      const { id, library, operation } = requestOf(args);
      const outcome = await subscribeToText(operation, writers);
      return outcome instanceof TextStream ? new DirectStream(id, outcome, library, refusalOf) : outcome;
    },
    onError: (_context, _id, _payload, errors) => errors.map((error) => toClientError(error, report).toJSON()),
  });
}

interface Request {
  /** That of the operation, as the client has named it. */
  readonly id: string;
  /** What the library knows of the connection. */
  readonly library: LibraryContext;
  readonly operation: OperationArguments;
}
