import { GraphQLError } from 'graphql';
import { type ErrorCode, RollcallError } from '../errors.ts';
import { requestFault } from './request-fault.ts';

/** `extensions.code` of what clients are told. PERSISTED_QUERY_NOT_FOUND makes them send the text of the document. */
export type ClientErrorCode = ErrorCode | 'INTERNAL_SERVER_ERROR' | typeof PERSISTED_QUERY_NOT_FOUND;

const PERSISTED_QUERY_NOT_FOUND = 'PERSISTED_QUERY_NOT_FOUND';

/** Told of each error that clients see masked, with all that it carries: for the log. */
export type ReportUnexpected = (error: unknown) => void;

const MASKED_MESSAGE = 'Internal server error';

/** A `Record`, so that a code cannot be forgotten here. */
const CODES: Readonly<Record<ErrorCode, true>> = {
  UNAUTHENTICATED: true,
  FORBIDDEN: true,
  BAD_USER_INPUT: true,
  RATE_LIMITED: true,
  LIMIT_EXCEEDED: true,
  UNAVAILABLE: true,
};

/**
 * The one mapping from whatever was thrown to what a client may be told, over every transport. Never throws, and leaves
 * alone what it has made already.
 *
 * - RollcallError: its code, with `argument` and `retryAfterMs` where it has them.
 * - What graphql-js finds wrong with a request (syntax, validation, variables): BAD_USER_INPUT with `argument`.
 * - All else is a fault of ours: INTERNAL_SERVER_ERROR, masked; the original goes to `report`.
 *
 * The path in the response and the places in the document are kept. `extensions.http` holds the HTTP status in the form in
 * which Yoga reads it; it is not enumerable, so no transport writes it into a response.
 */
export function toClientError(error: unknown, report: ReportUnexpected = () => {}): GraphQLError {
  if (error instanceof GraphQLError && isClientError(error)) return error;
  const located = error instanceof GraphQLError ? error : null;
  const cause = innermost(error);
  if (cause instanceof RollcallError) return fromRollcallError(cause, located);
  if (located !== null && cause instanceof GraphQLError) {
    const fault = requestFault(located);
    if (fault !== null) {
      const http = foreignHttp(located) ?? (located.path === undefined ? { status: 400, spec: true } : null);
      return clientError(fault.message, { code: 'BAD_USER_INPUT', argument: fault.argument }, http, located);
    }
  }
  report(error);
  return clientError(MASKED_MESSAGE, { code: 'INTERNAL_SERVER_ERROR' }, null, located);
}

/** The first step of automatic persisted queries. Clients know it by its message or by its code, and by a status of 200. */
export function persistedQueryNotFound(): GraphQLError {
  return clientError('PersistedQueryNotFound', { code: PERSISTED_QUERY_NOT_FOUND }, { status: 200 }, null);
}

interface Extensions {
  readonly code: ClientErrorCode;
  readonly argument?: string;
  readonly retryAfterMs?: number;
}

/** Yoga: `spec` keeps 200 for clients that accept only application/json, which read the errors in the body. */
interface HttpHint {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly spec?: boolean;
}

function fromRollcallError(error: RollcallError, located: GraphQLError | null): GraphQLError {
  const extensions: Extensions = {
    code: error.code,
    ...(error.argument === undefined ? {} : { argument: error.argument }),
    ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
  };
  return clientError(error.message, extensions, httpHint(error), located);
}

function httpHint({ code, retryAfterMs }: RollcallError): HttpHint | null {
  if (code === 'UNAUTHENTICATED') return { status: 401, spec: true };
  if (code !== 'RATE_LIMITED') return null;
  return { status: 429, spec: true, headers: { 'retry-after': String(Math.ceil((retryAfterMs ?? 0) / 1000)) } };
}

function clientError(
  message: string,
  extensions: Extensions,
  http: HttpHint | null,
  located: GraphQLError | null,
): GraphQLError {
  const carried = { ...extensions };
  if (http !== null) Object.defineProperty(carried, 'http', { value: http, enumerable: false });
  return new GraphQLError(message, {
    nodes: located?.nodes ?? null,
    source: located?.source ?? null,
    positions: located?.positions ?? null,
    path: located?.path ?? null,
    extensions: carried,
  });
}

function isClientError(error: GraphQLError): boolean {
  const code = error.extensions['code'];
  if (code === 'INTERNAL_SERVER_ERROR') return error.message === MASKED_MESSAGE;
  if (code === PERSISTED_QUERY_NOT_FOUND) return true;
  return typeof code === 'string' && Object.hasOwn(CODES, code);
}

/** GraphQLErrors wrap each other on their way up; what they wrap in the end says whose fault it is. */
function innermost(error: unknown): unknown {
  let current = error;
  while (current instanceof GraphQLError && current.originalError !== undefined) current = current.originalError;
  return current;
}

/** Status and headers that Yoga itself has set, as for a method that is not allowed. */
function foreignHttp(error: GraphQLError): HttpHint | null {
  const http = error.extensions['http'];
  return typeof http === 'object' && http !== null ? http : null;
}
