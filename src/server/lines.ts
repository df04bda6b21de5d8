import type { IncomingMessage, Server, ServerOptions, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { answerRaw, answerText, discardBody } from './answer.ts';
import { setSecurityHeaders } from './security-headers.ts';

/** A client that sends more requests ahead than this, before the first is answered, is told 429 and its connection closed. */
export const MAX_IN_FLIGHT = 100;
/** How long a client may take for the head of a request, from its first byte or the opening of the connection on; 408 beyond. */
export const HEADERS_TIMEOUT_MS = 10_000;
/** The same for a whole request. Answers and streams may take as long as they do. */
export const REQUEST_TIMEOUT_MS = 20_000;

/** What one connection may ask of Node.js' parser. */
export const LINE_OPTIONS: ServerOptions = {
  // 431 beyond.
  maxHeaderSize: 16_384,
  headersTimeout: HEADERS_TIMEOUT_MS,
  requestTimeout: REQUEST_TIMEOUT_MS,
  // Both are noticed this much later at most.
  connectionsCheckingInterval: 1_000,
  // It would be answered without our headers; `hostRefusal` sees to it.
  requireHostHeader: false,
};

interface Line {
  /** Requests that are not answered to the end yet, the oldest first. */
  readonly open: Set<ServerResponse>;
  /** It is being closed, and nothing more is answered on it. */
  closing: boolean;
}

/** The connections of a server, each with what is under way on it. */
export class Lines {
  readonly #lines = new WeakMap<Duplex, Line>();

  /** Answers what is no HTTP, too long or too slow, each with its status. */
  guard(server: Server): void {
    server.on('clientError', (error, socket) => this.#broken(error, socket));
    server.on('checkExpectation', (request, response) => {
      setSecurityHeaders(response);
      discardBody(request);
      answerText(response, 417, 'Only 100-continue can be expected.');
    });
  }

  /** False when the request is not to be dealt with: one too many. */
  take(request: IncomingMessage, response: ServerResponse): boolean {
    const { socket } = request;
    const line = this.#lineOf(socket);
    if (line.closing) return false;
    line.open.add(response);
    response.once('close', () => line.open.delete(response));
    if (line.open.size <= MAX_IN_FLIGHT) return true;
    line.closing = true;
    request.resume();
    response.setHeader('connection', 'close');
    answerText(response, 429, `Only ${MAX_IN_FLIGHT} requests can be under way on one connection.`);
    // Nothing more is read; what has been asked before is answered, to who reads the answers.
    socket.pause();
    socket.setTimeout(REQUEST_TIMEOUT_MS, () => socket.destroy());
    return false;
  }

  #lineOf(socket: Socket): Line {
    const known = this.#lines.get(socket);
    if (known) return known;
    const line: Line = { open: new Set(), closing: false };
    this.#lines.set(socket, line);
    return line;
  }

  #broken(error: Error & { readonly code?: string }, socket: Duplex): void {
    const open = [...(this.#lines.get(socket)?.open ?? [])];
    const [oldest] = open;
    // An answer here would be taken for that of a request before it.
    const othersWait = open.length > 1 || (oldest !== undefined && (oldest.headersSent || oldest.req.complete));
    if (!socket.writable || error.code === 'ECONNRESET' || othersWait) {
      socket.destroy();
      return;
    }
    const [status, reason] = answerTo(error.code);
    answerRaw(socket, status, reason);
  }
}

function answerTo(code: string | undefined): readonly [status: number, reason: string] {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return [431, 'The head of the request is too long.'];
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return [413, 'The chunk extensions of the body are too long.'];
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return [408, 'The request did not arrive in time.'];
    default:
      return [400, 'This is no HTTP request.'];
  }
}
