import type { GraphQLError } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { badInput } from '../errors.ts';
import { toClientError } from '../graphql/errors.ts';

/** What of `extensions.http` Yoga reads; `spec`: 200 for who takes only application/json. */
interface HttpStatus {
  readonly status: number;
  readonly spec?: boolean;
}

/** A request that cannot be served as it was made: BAD_USER_INPUT, with this status whatever the client takes. */
export function refusal(status: number, argument: string, message: string): GraphQLError {
  return withHttp(toClientError(badInput(argument, message)), { status });
}

/** What cannot be run at all is 400 over HTTP, whatever is wrong with it. */
export function asRequestError(error: GraphQLError): GraphQLError {
  return 'http' in error.extensions ? error : withHttp(error, { status: 400, spec: true });
}

/** What Yoga leaves to chance, or answers without a word: requests that are no GraphQL requests, by their form. */
export function useRefusals(): Plugin {
  return {
    onRequestParse({ request, requestParser, setRequestParser }) {
      // Of a body Yoga says itself what is wrong with it.
      if (requestParser === undefined || request.method === 'POST') return;
      setRequestParser(async (parsed) => {
        try {
          return await requestParser(parsed);
        } catch (error) {
          if (!(error instanceof SyntaxError)) throw error;
          throw badRequest('variables', 'variables and extensions must be JSON.');
        }
      });
    },
    onParams({ params }) {
      const { operationName } = params as { readonly operationName?: unknown };
      if (operationName === undefined || operationName === null || typeof operationName === 'string') return;
      throw badRequest('operationName', 'operationName must be a string.');
    },
    onResultProcess({ result, resultProcessor, setResultProcessor }) {
      if (resultProcessor !== undefined) return;
      // The client takes none of the types that we have: what is wrong it is told in the plainest.
      const errors = 'errors' in result ? (result.errors ?? []) : [];
      const body = JSON.stringify({ errors });
      const init = { status: statusOf(errors), headers: { 'content-type': 'application/json; charset=utf-8' } };
      setResultProcessor((_result, { Response }) => new Response(body, init), 'application/json');
    },
  };
}

function badRequest(argument: string, message: string): GraphQLError {
  return asRequestError(toClientError(badInput(argument, message)));
}

function statusOf(errors: readonly GraphQLError[]): number {
  const http = errors[0]?.extensions['http'];
  const status = typeof http === 'object' && http !== null && 'status' in http ? http.status : undefined;
  return typeof status === 'number' ? status : 406;
}

/** Not enumerable, so that it is written into no response. */
function withHttp(error: GraphQLError, http: HttpStatus): GraphQLError {
  Object.defineProperty(error.extensions, 'http', { value: http, enumerable: false });
  return error;
}
