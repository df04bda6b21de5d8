import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { handleProtocols, type Server } from 'graphql-ws';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Logger } from '../log.ts';
import { answerRaw } from './answer.ts';
import { CLOSE_BAD_REQUEST, CLOSE_RESTARTING, Connection } from './connection.ts';
import { GRAPHQL_PATH, pathOf } from './http.ts';
import { KeepAlive } from './keep-alive.ts';
import type { BrowserRules, Refusal } from './origin.ts';
import { createProtocol, type ProtocolParts } from './protocol.ts';
import { spread } from './spread.ts';

/** A message may be this long, in bytes; 1009 beyond. */
export const MAX_MESSAGE_BYTES = 1_048_576;
/** A socket from which nothing comes for one to two of these is dead; see `sign-of-life.ts` for slow readers. */
const KEEP_ALIVE_MS = 12_000;
/** How long a client may take to answer a close frame. */
const CLOSE_WAIT_MS = 2_000;
const RESTARTING = 'This node is stopping; connect again.';

export interface WebSocketParts extends ProtocolParts {
  readonly rules: BrowserRules;
  readonly draining: () => boolean;
  readonly log: Logger;
  readonly keepAliveMs?: number;
}

/** The sockets of one server: from their upgrade to their end. */
export class WebSocketEndpoint {
  readonly #parts: WebSocketParts;
  readonly #sockets: WebSocketServer;
  readonly #protocol: Server<Connection>;
  readonly #keepAlive: KeepAlive;
  /** What is open, with the promise of its end; its operations have ended by then. */
  readonly #open = new Map<Connection, Promise<void>>();

  constructor(parts: WebSocketParts) {
    this.#parts = parts;
    const options = {
      noServer: true,
      clientTracking: false,
      maxPayload: MAX_MESSAGE_BYTES,
      // It costs more memory a connection than all else together, for frames that are short.
      perMessageDeflate: false,
      handleProtocols,
      closeTimeout: CLOSE_WAIT_MS,
    };
    this.#sockets = new WebSocketServer(options);
    this.#protocol = createProtocol(parts);
    this.#keepAlive = new KeepAlive(parts.keepAliveMs ?? KEEP_ALIVE_MS);
  }

  /** Takes an HTTP upgrade, or refuses it with a status and one line. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const broken = (error: Error): void => this.#parts.log.debug({ err: error }, 'a socket broke before its upgrade');
    socket.on('error', broken);
    const refusal = this.#refusal(request);
    if (refusal) {
      answerRaw(socket, refusal.status, refusal.reason);
      return;
    }
    this.#sockets.handleUpgrade(request, socket, head, (webSocket) => {
      socket.off('error', broken);
      this.#opened(webSocket, request.socket);
    });
  }

  /** Says goodbye to all with 1012, spread over `spanMs`. Resolves when all sockets are gone. */
  async drain(spanMs: number): Promise<void> {
    await spread([...this.#open.keys()], spanMs, (connection) => connection.close(CLOSE_RESTARTING, RESTARTING));
    await Promise.all(this.#open.values());
  }

  /** Ends at once what is still open. Idempotent. */
  async close(): Promise<void> {
    this.#keepAlive.close();
    for (const connection of this.#open.keys()) connection.terminate();
    await Promise.all(this.#open.values());
  }

  #refusal(request: IncomingMessage): Refusal | null {
    const { rules, draining } = this.#parts;
    const { origin, host } = request.headers;
    const wrongHost = rules.hostRefusal(request);
    if (wrongHost) return wrongHost;
    if (pathOf(request) !== GRAPHQL_PATH) return { status: 404, reason: `Nothing here. GraphQL is at ${GRAPHQL_PATH}` };
    if (!rules.allowsOrigin(origin, host)) {
      return { status: 403, reason: 'Pages of this origin may not connect: see ALLOWED_ORIGINS.' };
    }
    return draining() ? { status: 503, reason: RESTARTING } : null;
  }

  #opened(socket: WebSocket, line: Socket): void {
    const { rollcall, metrics, log } = this.#parts;
    const connection = new Connection(socket, line);
    const unchecked = this.#keepAlive.add(connection);
    metrics.connections.inc({ transport: 'websocket' });
    rollcall.connectionOpened(connection.id);

    let onMessage: (data: string) => Promise<void> = async () => {};
    const closed = this.#protocol.opened(
      {
        protocol: socket.protocol,
        send: (data) => connection.send(data),
        close: (code = CLOSE_RESTARTING, reason = '') => connection.close(code, reason),
        onMessage: (listener) => {
          onMessage = listener;
        },
      },
      connection,
    );
    socket.on('message', (data) => {
      onMessage(String(data)).catch((error: unknown) => {
        if (isServersMessage(error)) connection.close(CLOSE_BAD_REQUEST, error.message);
        else log.error({ err: error }, 'a message could not be handled');
      });
    });
    socket.on('pong', () => connection.answered());
    // Frames that break the protocol or are too long: ws closes with the code for it.
    socket.on('error', (error) => log.debug({ err: error }, 'a socket broke'));

    const ended = new Promise<void>((resolve) => {
      socket.once('close', (code, reason) => {
        connection.closed();
        unchecked();
        metrics.connections.dec({ transport: 'websocket' });
        // Until the store has heard it may take as long as the store is away: closing the service ends that.
        void rollcall.connectionClosed(connection.id);
        closed(code, String(reason))
          .catch((error: unknown) => log.error({ err: error }, 'a closed socket could not be tidied up'))
          .finally(() => {
            this.#open.delete(connection);
            resolve();
          });
      });
    });
    this.#open.set(connection, ended);
  }
}

/** A message that only servers send: the library throws where the protocol has it close the socket. */
function isServersMessage(error: unknown): error is Error {
  return error instanceof Error && error.message.startsWith('Unexpected message of type ');
}
