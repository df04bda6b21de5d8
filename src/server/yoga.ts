import type { IncomingMessage, ServerResponse } from 'node:http';
import type { GraphQLSchema } from 'graphql';
import { createYoga, type Plugin, type YogaInitialContext } from 'graphql-yoga';
import type { GraphQLContext } from '../graphql/context.ts';
import { prepare } from '../graphql/documents.ts';
import { type ReportUnexpected, toClientError } from '../graphql/errors.ts';
import { executeOperation, isResponseStream, type OperationArguments, subscribeOperation } from '../graphql/execute.ts';
import type { Rollcall } from '../service/api.ts';
import type { Authenticate, Identity } from './auth.ts';
import { tokenFromHeader } from './credentials.ts';
import { accepts, RESULT_TYPES, STREAM_TYPES } from './media-types.ts';
import type { Metrics } from './metrics.ts';
import { asRequestError, refusal, useRefusals } from './refusals.ts';
import type { Streams } from './streams.ts';

export interface GraphQLOverHttp {
  readonly schema: GraphQLSchema;
  readonly rollcall: Rollcall;
  readonly authenticate: Authenticate;
  readonly metrics: Metrics;
  readonly report: ReportUnexpected;
  readonly streams: Streams;
}

interface ServerContext {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
}

interface SignedInContext extends GraphQLContext {
  readonly identity: Identity | null;
}

type OperationContext = YogaInitialContext & ServerContext & SignedInContext;

/**
 * GraphQL over POST, GET and Server-Sent Events. Documents, execution and errors are those of `graphql/`, the same as
 * over WebSocket. What comes here has passed the gate, and its body is of the length allowed.
 */
export function createYogaServer(options: GraphQLOverHttp) {
  const { report } = options;
  return createYoga<ServerContext, SignedInContext>({
    schema: options.schema,
    graphqlEndpoint: '/graphql',
    landingPage: false,
    // Its logger tells of clients' mistakes as errors; what is unexpected goes to `report`.
    logging: false,
    multipart: false,
    graphiql: false,
    parserAndValidationCache: false,
    maskedErrors: { maskError: (error) => toClientError(error, report) },
    // Both are the gate's.
    cors: false,
    maxRequestBodySize: false,
    context: async ({ req }) => {
      const token = tokenFromHeader(req.headers.authorization);
      const identity = token === null ? null : await options.authenticate(token);
      return {
        rollcall: options.rollcall,
        identity,
        caller: identity && { userId: identity.userId, admin: identity.admin, connection: null },
      };
    },
    plugins: [useRefusals(), usePreparedOperations(options)],
  });
}

/** Puts parsing, validation and execution of `graphql/` in the place of Yoga's. */
function usePreparedOperations(options: GraphQLOverHttp): Plugin<OperationContext> {
  const { schema, report, metrics } = options;
  return {
    onParse({ context: { params, request }, setParsedDocument }) {
      const { query = '', operationName } = params;
      const prepared = prepare(schema, { query, operationName }, report);
      const type = prepared.errors ? 'invalid' : prepared.operation.operation;
      metrics.operations.inc({
        transport: type === 'subscription' || acceptsEventStream(request) ? 'sse' : 'http',
        type,
      });
      if (prepared.errors) throw new AggregateError(prepared.errors.map(asRequestError), 'The document cannot be run.');
      // Before anything is run of which the answer could then not be given.
      checkAccepted(request, type === 'subscription');
      setParsedDocument(prepared.document);
    },
    onValidate({ setResult }) {
      setResult([]);
    },
    onExecute({ args, setExecuteFn }) {
      setExecuteFn(() => executeOperation(operationOf(args)));
    },
    onSubscribe({ args, setSubscribeFn }) {
      const { res, identity } = args.contextValue;
      setSubscribeFn(async () => {
        const outcome = await subscribeOperation(operationOf(args));
        if (isResponseStream(outcome)) options.streams.add(res, identity);
        return outcome;
      });
    },
  };

  function operationOf(args: YogaArguments): OperationArguments {
    const { rollcall, caller } = args.contextValue;
    return {
      schema,
      document: args.document,
      operationName: args.operationName,
      variables: args.variableValues,
      context: { rollcall, caller },
      report,
    };
  }
}

/** What of Yoga's execution arguments is used here; its own type leaves the context and the variables open. */
interface YogaArguments {
  readonly document: OperationArguments['document'];
  readonly operationName?: OperationArguments['operationName'];
  readonly variableValues?: OperationArguments['variables'];
  readonly contextValue: SignedInContext;
}

/** Throws 406 when what the operation gives is of no type that the client takes. */
function checkAccepted(request: Request, isSubscription: boolean): void {
  if (accepts(request.headers.get('accept'), isSubscription ? STREAM_TYPES : RESULT_TYPES)) return;
  const given = isSubscription
    ? 'A subscription can be given as text/event-stream, or over a WebSocket.'
    : 'The answer can be given as application/json, application/graphql-response+json or text/event-stream.';
  throw refusal(406, 'accept', given);
}

function acceptsEventStream(request: Request): boolean {
  return request.headers.get('accept')?.includes('text/event-stream') ?? false;
}
