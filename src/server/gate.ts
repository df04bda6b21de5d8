import type { IncomingMessage, ServerResponse } from 'node:http';
import { answerError, answerTooLong } from './answer.ts';
import { isJson } from './media-types.ts';
import type { BrowserRules } from './origin.ts';

const METHODS = 'GET, POST, OPTIONS';
/** Headers that a page may send. A browser asks first before it sends one of these, but for Accept. */
const REQUEST_HEADERS = 'authorization, content-type, accept, x-requested-with, apollo-require-preflight';
/** How long a browser may go by the answer; none takes more. */
const PREFLIGHT_MAX_AGE_S = 7_200;

export interface GateOptions {
  readonly rules: BrowserRules;
  /** How long a request body may be; 413 beyond. */
  readonly maxBodyBytes: number;
}

/**
 * Lets through to GraphQL what may be run, whichever way it is answered then, and answers the rest; false when it has
 * answered. What goes through cannot have been sent by a page of another origin without its browser having asked here
 * first: no form, no picture and no plain text makes an operation.
 */
export function passGate(
  { rules, maxBodyBytes }: GateOptions,
  request: IncomingMessage,
  response: ServerResponse,
): boolean {
  const { method, headers } = request;
  const { origin } = headers;
  // Also where there is none: a cache must not give the answer to who sends one.
  response.setHeader('vary', 'Origin');
  if (!rules.allowsOrigin(origin, headers.host)) {
    return refuse(403, 'FORBIDDEN', 'Pages of this origin may not ask: see ALLOWED_ORIGINS.');
  }
  if (origin !== undefined) response.setHeader('access-control-allow-origin', origin);
  switch (method) {
    case 'OPTIONS':
      answerPreflight(request, response);
      return false;
    case 'GET':
      if (isPreflighted(request)) return true;
      return refuse(
        403,
        'FORBIDDEN',
        'A GET needs an Authorization or X-Requested-With header: without, any page could make a browser send it.',
      );
    case 'POST':
      if (!isJson(headers['content-type'])) {
        return refuse(415, 'BAD_USER_INPUT', 'Send the operation as application/json.', 'content-type');
      }
      if (headers['content-encoding'] !== undefined) {
        return refuse(415, 'BAD_USER_INPUT', 'Send the operation without a content encoding.', 'content-encoding');
      }
      if (Number(headers['content-length'] ?? 0) > maxBodyBytes) {
        answerTooLong(request, response, maxBodyBytes);
        return false;
      }
      return true;
    default:
      response.setHeader('allow', METHODS);
      return refuse(405, 'BAD_USER_INPUT', 'GraphQL is asked with POST or GET.', 'method');
  }

  function refuse(status: number, code: 'FORBIDDEN' | 'BAD_USER_INPUT', message: string, argument?: string): false {
    answerError(request, response, { status, code, message, ...(argument === undefined ? {} : { argument }) });
    return false;
  }
}

function answerPreflight(request: IncomingMessage, response: ServerResponse): void {
  request.resume();
  response.statusCode = 204;
  response.setHeader('allow', METHODS);
  if (request.headers.origin !== undefined) {
    response.setHeader('access-control-allow-methods', METHODS);
    response.setHeader('access-control-allow-headers', REQUEST_HEADERS);
    response.setHeader('access-control-max-age', PREFLIGHT_MAX_AGE_S);
  }
  response.end();
}

/** A header that no page can send to another origin before the browser has asked there. */
function isPreflighted({ headers }: IncomingMessage): boolean {
  return (
    headers.authorization !== undefined ||
    headers['x-requested-with'] !== undefined ||
    headers['apollo-require-preflight'] !== undefined ||
    isJson(headers['content-type'])
  );
}
