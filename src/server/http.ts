import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from 'node:http';
import type { Logger } from '../log.ts';
import type { Metrics } from './metrics.ts';
import { sendResponse } from './send-response.ts';
import { wantsWebSocket } from './upgrade.ts';

export interface HttpParts {
  /** Null when it has answered itself. */
  readonly graphql: (request: IncomingMessage, response: ServerResponse) => Promise<Response | null>;
  readonly metrics: Metrics;
  /** Null when requests can be served, else in a few words why not. */
  readonly notReady: () => string | null;
  readonly draining: () => boolean;
  /** There is a page at `/`. */
  readonly dev: boolean;
  readonly log: Logger;
}

/** The path of GraphQL, over HTTP and for WebSocket upgrades. */
export const GRAPHQL_PATH = '/graphql';

/** What newer releases of Node.js ask before they take an upgrade; `declineUpgrade` does the same for those that do not. */
const OPTIONS: ServerOptions & { shouldUpgradeCallback(request: IncomingMessage): boolean } = {
  shouldUpgradeCallback: wantsWebSocket,
};

/** All endpoints over HTTP. It does not listen yet, and takes no upgrades. */
export function createHttpServer(parts: HttpParts): Server {
  return createServer(OPTIONS, (request, response) => {
    // A client that goes while it is being answered is nothing that anybody must be told of.
    response.on('error', (error) => parts.log.debug({ err: error }, 'a response could not be sent'));
    if (parts.draining()) response.setHeader('connection', 'close');
    answer(parts, request, response).catch((error: unknown) => {
      parts.log.error({ err: error, path: pathOf(request) }, 'a request failed unexpectedly');
      if (response.headersSent) response.destroy();
      else sendText(response, 500, 'Internal server error');
    });
  });
}

/** The path of a request's target, or null when the target is none of ours to read. */
export function pathOf(request: IncomingMessage): string | null {
  const target = request.url ?? '';
  return target.startsWith('/') ? (target.split('?', 1)[0] ?? null) : null;
}

async function answer(parts: HttpParts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = pathOf(request);
  if (path === GRAPHQL_PATH) {
    const { host } = request.headers;
    // Addresses are made of it.
    if (host !== undefined && !URL.canParse(`http://${host}/`)) {
      request.resume();
      return sendText(response, 400, 'The Host header names no host.');
    }
    const result = await parts.graphql(request, response);
    if (result === null) return;
    if (result.headers.get('content-type')?.startsWith('text/html')) protectPage(response);
    await sendResponse(result, response);
    return;
  }
  // Nobody else reads a body: what comes is thrown away, so that the connection can be used again.
  request.resume();
  switch (path) {
    case '/healthz':
      return sendText(response, 200, 'ok');
    case '/readyz': {
      const reason = parts.notReady();
      return sendText(response, reason === null ? 200 : 503, reason ?? 'ready');
    }
    case '/metrics': {
      const text = await parts.metrics.registry.metrics();
      return sendText(response, 200, text, parts.metrics.registry.contentType);
    }
    case '/':
      if (!parts.dev) break;
      response.setHeader('location', GRAPHQL_PATH);
      return sendText(response, 302, `See ${GRAPHQL_PATH}`);
  }
  sendText(response, 404, `Nothing here. GraphQL is at ${GRAPHQL_PATH}`);
}

/** A page in which tokens are typed is shown in no other page's frame, and tells no other page of its address. */
function protectPage(response: ServerResponse): void {
  response.setHeader('content-security-policy', "frame-ancestors 'none'");
  response.setHeader('referrer-policy', 'no-referrer');
  response.setHeader('x-content-type-options', 'nosniff');
}

function sendText(
  response: ServerResponse,
  status: number,
  text: string,
  contentType = 'text/plain; charset=utf-8',
): void {
  response.statusCode = status;
  response.setHeader('content-type', contentType);
  response.setHeader('cache-control', 'no-store');
  response.end(text.endsWith('\n') ? text : `${text}\n`);
}
