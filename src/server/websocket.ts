import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { handleProtocols } from 'graphql-ws';
import { type RawData, type Server as SocketServer, WebSocket, WebSocketServer } from 'ws';
import type { Logger } from '../log.ts';
import { answerRaw } from './answer.ts';
import { CLOSE_BAD_REQUEST, CLOSE_RESTARTING, Connection } from './connection.ts';
import { GRAPHQL_PATH, pathOf } from './http.ts';
import { KeepAlive } from './keep-alive.ts';
import type { BrowserRules, Refusal } from './origin.ts';
import { createProtocol, type Protocol, type ProtocolParts } from './protocol.ts';
import { spread } from './spread.ts';

/** A socket from which nothing comes for one to two of these is dead; see `sign-of-life.ts` for slow readers. */
const KEEP_ALIVE_MS = 12_000;
/** How long a client may take to answer a close frame. */
const CLOSE_WAIT_MS = 2_000;
/** A client that has opened a socket must say connection_init within this; 4408 else. */
const INIT_WAIT_MS = 10_000;
const RESTARTING = 'This node is stopping; connect again.';

export interface WebSocketParts extends ProtocolParts {
  readonly rules: BrowserRules;
  readonly draining: () => boolean;
  readonly log: Logger;
  readonly keepAliveMs?: number;
  readonly initWaitMs?: number;
}

/** The sockets of one server: from their upgrade to their end. */
export class WebSocketEndpoint {
  readonly #parts: WebSocketParts;
  readonly #sockets: SocketServer<typeof Linked>;
  readonly #protocol: Protocol;
  readonly #keepAlive: KeepAlive;
  /** The operations of one that is not here any more have ended. */
  readonly #open = new Set<Connection>();
  /** Of those who wait until nobody is here. */
  readonly #whenEmpty = new Set<() => void>();
  readonly #listeners: Listeners;

  constructor(parts: WebSocketParts) {
    this.#parts = parts;
    const options = {
      noServer: true,
      clientTracking: false,
      maxPayload: parts.limits.config.messageBytes,
      // It costs more memory a connection than all else together, for frames that are short.
      perMessageDeflate: false,
      handleProtocols,
      closeTimeout: CLOSE_WAIT_MS,
      WebSocket: Linked,
    };
    this.#sockets = new WebSocketServer(options);
    this.#protocol = createProtocol(parts);
    this.#keepAlive = new KeepAlive(parts.keepAliveMs ?? KEEP_ALIVE_MS);
    this.#listeners = this.#makeListeners();
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
    const address = request.socket.remoteAddress;
    // It has gone already.
    if (socket.destroyed || address === undefined) return;
    const { perAddress } = this.#parts.limits;
    const crowded = perAddress.take(address);
    if (crowded) {
      answerRaw(socket, 429, `${crowded.code}: ${crowded.message}`);
      return;
    }
    if (perAddress.limited) socket.once('close', () => perAddress.giveBack(address));
    this.#sockets.handleUpgrade(request, socket, head, (webSocket) => {
      socket.off('error', broken);
      this.#opened(webSocket, request.socket);
    });
  }

  /** Says goodbye to all with 1012, spread over `spanMs`. Resolves when all sockets are gone. */
  async drain(spanMs: number): Promise<void> {
    await spread([...this.#open], spanMs, (connection) => connection.close(CLOSE_RESTARTING, RESTARTING));
    await this.#empty();
  }

  /** Ends at once what is still open. Idempotent. */
  async close(): Promise<void> {
    this.#keepAlive.close();
    for (const connection of this.#open) connection.terminate();
    await this.#empty();
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

  #opened(socket: Linked, line: Socket): void {
    const { rollcall, metrics } = this.#parts;
    const connection = new Connection(socket, line);
    socket.connection = connection;
    this.#open.add(connection);
    this.#keepAlive.add(connection);
    metrics.connections.inc({ transport: 'websocket' });
    rollcall.connectionOpened(connection.id);
    connection.awaitGreeting(this.#parts.initWaitMs ?? INIT_WAIT_MS);
    socket.ended = this.#protocol.opened(connection);
    const { message, ping, pong, error, close } = this.#listeners;
    socket.on('message', message).on('ping', ping).on('pong', pong).on('error', error).on('close', close);
  }

  /** The same for all sockets. */
  #makeListeners(): Listeners {
    const { log } = this.#parts;
    const endpoint = this;
    return {
      message(data) {
        const connection = linked(this)?.connection;
        if (!connection) return;
        connection.endIfFlooding();
        endpoint.#protocol.heard(connection, String(data)).catch((error: unknown) => {
          if (isServersMessage(error)) connection.close(CLOSE_BAD_REQUEST, error.message);
          else log.error({ err: error }, 'a message could not be handled');
        });
      },
      ping() {
        linked(this)?.connection?.endIfFlooding();
      },
      pong() {
        linked(this)?.connection?.answered();
      },
      // Frames that break the protocol or are too long: ws closes with the code for it.
      error: (error) => log.debug({ err: error }, 'a socket broke'),
      close(code, reason) {
        const socket = linked(this);
        if (socket?.connection) endpoint.#closed(socket.connection, socket.ended?.(code, String(reason)));
      },
    };
  }

  #closed(connection: Connection, ended: Promise<void> | undefined): void {
    const { rollcall, metrics, log } = this.#parts;
    connection.closed();
    this.#keepAlive.remove(connection);
    metrics.connections.dec({ transport: 'websocket' });
    // Until the store has heard it may take as long as the store is away: closing the service ends that.
    void rollcall.connectionClosed(connection.id);
    Promise.resolve(ended)
      .catch((error: unknown) => log.error({ err: error }, 'a closed socket could not be tidied up'))
      .finally(() => {
        this.#open.delete(connection);
        if (this.#open.size > 0) return;
        for (const resolve of this.#whenEmpty) resolve();
        this.#whenEmpty.clear();
      });
  }

  /** Resolves when the last of all sockets is gone. */
  async #empty(): Promise<void> {
    if (this.#open.size > 0) await new Promise<void>((resolve) => this.#whenEmpty.add(resolve));
  }
}

/** A socket with what listeners that all sockets share have to know of it. */
class Linked extends WebSocket {
  connection: Connection | null = null;
  /** Tells the protocol of its end. */
  ended: ((code: number, reason: string) => Promise<void>) | null = null;
}

function linked(socket: WebSocket): Linked | null {
  return socket instanceof Linked ? socket : null;
}

interface Listeners {
  message(this: WebSocket, data: RawData): void;
  ping(this: WebSocket): void;
  pong(this: WebSocket): void;
  error(this: WebSocket, error: Error): void;
  close(this: WebSocket, code: number, reason: Buffer): void;
}

/** A message that only servers send: the library throws where the protocol has it close the socket. */
function isServersMessage(error: unknown): error is Error {
  return error instanceof Error && error.message.startsWith('Unexpected message of type ');
}
