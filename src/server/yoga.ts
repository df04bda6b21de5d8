import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ExecutionResult, GraphQLSchema } from 'graphql';
import { createYoga, type Plugin, type YogaInitialContext } from 'graphql-yoga';
import type { RollcallError } from '../errors.ts';
import type { GraphQLContext } from '../graphql/context.ts';
import type { Documents } from '../graphql/documents.ts';
import { type ReportUnexpected, toClientError } from '../graphql/errors.ts';
import { executeOperation, isResponseStream, type OperationArguments } from '../graphql/execute.ts';
import { subscribeToText, TextStream } from '../graphql/text-stream.ts';
import type { UpdateWriters } from '../graphql/update-writers.ts';
import type { Rollcall } from '../service/api.ts';
import type { Authenticate, Identity } from './auth.ts';
import { tokenFromHeader } from './credentials.ts';
import { useDocumentIds } from './document-ids.ts';
import type { Limits } from './limits.ts';
import { accepts, RESULT_TYPES, STREAM_TYPES } from './media-types.ts';
import type { Metrics } from './metrics.ts';
import { asRequestError, refusal, useRefusals } from './refusals.ts';
import type { Streams } from './streams.ts';

export interface GraphQLOverHttp {
  readonly schema: GraphQLSchema;
  readonly documents: Documents;
  readonly limits: Limits;
  readonly rollcall: Rollcall;
  readonly authenticate: Authenticate;
  readonly metrics: Metrics;
  readonly report: ReportUnexpected;
  readonly streams: Streams;
  readonly writers: UpdateWriters;
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
    extraParamNames: ['documentId'],
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
    plugins: [useRefusals(), useDocumentIds(), usePreparedOperations(options)],
  });
}

/** Puts parsing, validation and execution of `graphql/` in the place of Yoga's. */
function usePreparedOperations(options: GraphQLOverHttp): Plugin<OperationContext> {
  const { schema, documents, limits, report, metrics } = options;
  return {
    onParse({ context: { params, request }, setParsedDocument }) {
      const prepared = documents.prepare(params, report);
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
      setExecuteFn(() => limited(args) ?? executeOperation(operationOf(args)));
    },
    onSubscribe({ args, setSubscribeFn }) {
      const { res, identity } = args.contextValue;
      setSubscribeFn(async () => {
        const refused = limited(args) ?? refusedBy(options.streams.admit(res, identity));
        if (refused) return refused;
        const outcome = await subscribeToText(operationOf(args), options.writers);
        const stream = outcome instanceof TextStream ? outcome.results() : outcome;
        if (isResponseStream(stream)) options.streams.add(res, identity);
        return stream;
      });
    },
  };

  function limited({ contextValue: { identity } }: YogaArguments): ExecutionResult | null {
    return refusedBy(identity && limits.operations.begin(identity.userId));
  }

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

function refusedBy(error: RollcallError | null): ExecutionResult | null {
  return error && { errors: [toClientError(error)] };
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
