import { type Client, createClient } from 'graphql-ws';
import { WebSocket } from 'ws';

type Variables = Record<string, unknown>;

/** What an operation was refused with. */
export class Refused extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

export interface RoamingEvents {
  /** Connected and signed in, with the node of that number. */
  connected?(node: number): void;
  /** The socket is gone, or taken for gone. */
  lost?(): void;
  /** The node has answered a ping that was sent at `sentAt`, by this machine's wall clock. */
  alive?(sentAt: number): void;
}

export interface Stream<T> {
  /** What the document selects. */
  next(data: T): void;
  /** It cannot go on; a lost socket is no reason, it is asked for again on the next one. */
  ended(why: unknown): void;
}

const PING_MS = 200;
/** A node that takes longer to answer is taken for gone. */
const PATIENCE_MS = 400;
/** Between two attempts once all nodes have refused in a row. */
const PAUSE_MS = 30;

/**
 * One user's WebSocket, by a client that behaves as good ones do: it notices silence by pings that are not answered, and
 * goes to the next node at once whenever its socket is gone.
 */
export class RoamingClient {
  readonly #client: Client;
  readonly #nodes: number;
  #attempt: number;
  #answer: NodeJS.Timeout | undefined;
  #pingAt = 0;
  #closed = false;

  /** Begins with the node of number `first`. */
  constructor(token: string, urls: readonly string[], first: number, events: RoamingEvents = {}) {
    this.#nodes = urls.length;
    this.#attempt = first - 1;
    this.#client = createClient({
      url: () => {
        this.#attempt += 1;
        return `${urls[this.node]?.replace(/^http/, 'ws')}/graphql`;
      },
      webSocketImpl: ImpatientSocket,
      connectionParams: { authorization: `Bearer ${token}` },
      connectionAckWaitTimeout: PATIENCE_MS,
      keepAlive: PING_MS,
      lazy: false,
      retryAttempts: Number.POSITIVE_INFINITY,
      retryWait: (retries) =>
        new Promise((resolve) => setTimeout(resolve, retries % urls.length === urls.length - 1 ? PAUSE_MS : 0)),
      shouldRetry: () => !this.#closed,
      onNonLazyError: () => undefined,
      on: {
        connected: () => events.connected?.(this.node),
        closed: () => {
          clearTimeout(this.#answer);
          events.lost?.();
        },
        error: () => clearTimeout(this.#answer),
        ping: (received) => {
          if (received) return;
          this.#pingAt = Date.now();
          this.#answer = setTimeout(() => this.goElsewhere(), PATIENCE_MS);
        },
        pong: (received) => {
          if (!received) return;
          clearTimeout(this.#answer);
          events.alive?.(this.#pingAt);
        },
      },
    });
  }

  /** The number of the node that it is connected to or tries. */
  get node(): number {
    return this.#attempt % this.#nodes;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Gives its socket up for the next node. */
  goElsewhere(): void {
    if (!this.#closed) this.#client.terminate();
  }

  /** One query or mutation, sent again when the socket is lost before the answer. Rejects with what it was refused with. */
  ask<T>(query: string, variables: Variables = {}): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#client.subscribe(
        { query, variables },
        {
          next: (result) => {
            try {
              resolve(dataOf<T>(result));
            } catch (error) {
              reject(error);
            }
          },
          error: (error) => reject(asError(error)),
          complete: () => reject(new Error('The operation ended without an answer.')),
        },
      );
    });
  }

  /** `variables` may be changed meanwhile: they are sent as they are then whenever the stream is asked for again. */
  stream<T>(query: string, variables: Variables, stream: Stream<T>): void {
    this.#client.subscribe(
      { query, variables },
      {
        next: (result) => {
          let data: T;
          try {
            data = dataOf<T>(result);
          } catch (error) {
            stream.ended(error);
            return;
          }
          stream.next(data);
        },
        error: (error) => stream.ended(asError(error)),
        complete: () => stream.ended(null),
      },
    );
  }

  /** Idempotent. Closes in good order. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#answer);
    this.#client.terminate();
    // It waits for the connection that is being tried; one that fails instead leaves nothing to close.
    Promise.resolve(this.#client.dispose()).catch(() => undefined);
  }
}

/** Does not wait for ever for a node that accepts a connection and then says nothing. */
class ImpatientSocket extends WebSocket {
  constructor(url: string | URL, protocols?: string | string[]) {
    super(url, protocols, { handshakeTimeout: PATIENCE_MS });
    // After it has been given up nobody else listens.
    this.on('error', () => undefined);
  }

  /** As in browsers: nothing is taken from a socket that is being closed. */
  override close(code?: number, reason?: string | Buffer): void {
    this.onmessage = null;
    super.close(code, reason);
  }
}

/** The caller names the type of what its own document selects; the schema guarantees the rest. */
export function dataOf<T>(result: { readonly data?: unknown; readonly errors?: unknown }): T {
  if (result.errors !== undefined || result.data === undefined || result.data === null) throw asError(result.errors);
  return result.data as T;
}

function asError(thrown: unknown): Error {
  if (thrown instanceof Error) return thrown;
  const [first] = Array.isArray(thrown) ? (thrown as readonly unknown[]) : [];
  const { message = JSON.stringify(thrown), extensions } = (first ?? {}) as {
    readonly message?: string;
    readonly extensions?: { readonly code?: string };
  };
  return new Refused(extensions?.code ?? 'NONE', message);
}
