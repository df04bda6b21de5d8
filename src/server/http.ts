import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from 'node:http';
import type { Logger } from '../log.ts';
import { answerText, discardBody } from './answer.ts';
import { isEventStream, prepareEventStream, retryAdvice } from './event-stream.ts';
import { type GateOptions, passGate } from './gate.ts';
import { type GraphiQLPage, sendPage, wantsPage } from './graphiql.ts';
import { LINE_OPTIONS, Lines } from './lines.ts';
import type { Metrics } from './metrics.ts';
import { setSecurityHeaders } from './security-headers.ts';
import { sendResponse } from './send-response.ts';
import { wantsWebSocket } from './upgrade.ts';

export interface HttpParts extends GateOptions {
  /** Null when it has answered itself. */
  readonly graphql: (request: IncomingMessage, response: ServerResponse) => Promise<Response | null>;
  /** GraphiQL, or null where it is not shown. */
  readonly page: GraphiQLPage | null;
  readonly metrics: Metrics;
  /** Null when requests can be served, else in a few words why not. */
  readonly notReady: () => string | null;
  readonly draining: () => boolean;
  /** `/` leads to the page. */
  readonly dev: boolean;
  readonly log: Logger;
}

/** The path of GraphQL, over HTTP and for WebSocket upgrades. */
export const GRAPHQL_PATH = '/graphql';

/** What newer releases of Node.js ask before they take an upgrade; `declineUpgrade` does the same for those that do not. */
const OPTIONS: ServerOptions & { shouldUpgradeCallback(request: IncomingMessage): boolean } = {
  ...LINE_OPTIONS,
  shouldUpgradeCallback: wantsWebSocket,
};

/** All endpoints over HTTP. It does not listen yet, and takes no upgrades. */
export function createHttpServer(parts: HttpParts): Server {
  const lines = new Lines();
  const server = createServer(OPTIONS, (request, response) => {
    // A client that goes while it is being answered is nothing that anybody must be told of.
    response.on('error', (error) => parts.log.debug({ err: error }, 'a response could not be sent'));
    setSecurityHeaders(response);
    if (!lines.take(request, response)) return;
    if (parts.draining()) response.setHeader('connection', 'close');
    answer(parts, request, response).catch((error: unknown) => {
      parts.log.error({ err: error, path: pathOf(request) }, 'a request failed unexpectedly');
      if (response.headersSent) response.destroy();
      else answerText(response, 500, 'Internal server error');
    });
  });
  lines.guard(server);
  return server;
}

/** The path of a request's target, or null when the target is none of ours to read. */
export function pathOf(request: IncomingMessage): string | null {
  const target = request.url ?? '';
  return target.startsWith('/') ? (target.split('?', 1)[0] ?? null) : null;
}

async function answer(parts: HttpParts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const wrongHost = parts.rules.hostRefusal(request);
  if (wrongHost !== null) {
    discardBody(request);
    return answerText(response, wrongHost.status, wrongHost.reason);
  }
  const path = pathOf(request);
  if (path === GRAPHQL_PATH) return answerGraphQL(parts, request, response);
  discardBody(request);
  switch (path) {
    case '/healthz':
      return answerText(response, 200, 'ok');
    case '/readyz': {
      const reason = parts.notReady();
      return answerText(response, reason === null ? 200 : 503, reason ?? 'ready');
    }
    case '/metrics': {
      const text = await parts.metrics.registry.metrics();
      return answerText(response, 200, text, parts.metrics.registry.contentType);
    }
    case '/':
      if (!parts.dev || parts.page === null) break;
      response.setHeader('location', GRAPHQL_PATH);
      return answerText(response, 302, `See ${GRAPHQL_PATH}`);
  }
  answerText(response, 404, `Nothing here. GraphQL is at ${GRAPHQL_PATH}`);
}

async function answerGraphQL(parts: HttpParts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (parts.page !== null && wantsPage(request)) {
    discardBody(request);
    return sendPage(await parts.page(), response);
  }
  if (!passGate(parts, request, response)) return;
  const result = await parts.graphql(request, response);
  if (result === null) return;
  const streams = isEventStream(result.headers);
  if (streams) prepareEventStream(result.headers);
  await sendResponse(result, response, streams ? retryAdvice() : '');
}
