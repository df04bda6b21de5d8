import { once } from 'node:events';
import { WebSocket } from 'ws';

const WAIT_MS = 20_000;

export interface Close {
  readonly code: number;
  readonly reason: string;
}

export interface Message {
  readonly id?: string;
  readonly type: string;
  readonly payload?: unknown;
}

export interface SocketOptions {
  readonly origin?: string;
  /** The Host header, where it is another one than that of the address. */
  readonly host?: string;
  readonly path?: string;
  /** Of this machine, such as 127.0.0.2: where the client is for the server. */
  readonly localAddress?: string;
  readonly protocols?: readonly string[];
}

/** A client that says exactly what the test has it say, and keeps what it hears in order. */
export class RawSocket {
  readonly #socket: WebSocket;
  readonly #heard: Message[] = [];
  readonly #waiting = new Set<() => void>();
  #close: Close | null = null;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data) => {
      this.#heard.push(JSON.parse(String(data)) as Message);
      this.#wake();
    });
    socket.on('error', () => {});
    socket.on('close', (code, reason) => {
      this.#close = { code, reason: String(reason) };
      this.#wake();
    });
  }

  /** Resolves when it is open; rejects when the server does not take it. `url` is the server's, without a path. */
  static async open(url: string, options: SocketOptions = {}): Promise<RawSocket> {
    const { path = '/graphql', protocols = ['graphql-transport-ws'], host, ...rest } = options;
    const socket = new WebSocket(`${url.replace('http', 'ws')}${path}`, [...protocols], {
      ...rest,
      ...(host ? { headers: { host } } : {}),
    });
    const raw = new RawSocket(socket);
    await once(socket, 'open');
    return raw;
  }

  /** Open and greeted; `connectionParams` of null send none. */
  static async greeted(url: string, authorization: string | null, options: SocketOptions = {}): Promise<RawSocket> {
    const raw = await RawSocket.open(url, options);
    raw.say({ type: 'connection_init', ...(authorization === null ? {} : { payload: { authorization } }) });
    const answer = await raw.hear();
    if (answer.type !== 'connection_ack') throw new Error(`greeted with ${answer.type}`);
    return raw;
  }

  say(message: object | string): void {
    this.#socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  ask(id: string, query: string, variables?: object): void {
    this.say({ id, type: 'subscribe', payload: { query, variables } });
  }

  /** The next message, of this operation if one is named, in order; rejects when the socket closes or time passes before. */
  hear(id?: string): Promise<Message> {
    return this.#when(() => {
      const index = this.#heard.findIndex((message) => id === undefined || message.id === id);
      const [message] = index < 0 ? [] : this.#heard.splice(index, 1);
      if (!message && this.#close) throw new Error(`closed with ${this.#close.code} ${this.#close.reason}`);
      return message ?? null;
    });
  }

  closed(): Promise<Close> {
    return this.#when(() => this.#close);
  }

  /** As `closed`, for as long as it takes, and for tests whose time is not that of sockets. */
  onClose(): Promise<Close> {
    if (this.#close !== null) return Promise.resolve(this.#close);
    return new Promise((resolve) => {
      this.#socket.once('close', (code, reason) => resolve({ code, reason: String(reason) }));
    });
  }

  /** What has come and nobody has asked for. */
  get heard(): readonly Message[] {
    return this.#heard;
  }

  get open(): boolean {
    return this.#close === null;
  }

  async close(): Promise<void> {
    this.#socket.close();
    await this.closed();
  }

  /** Without a goodbye. */
  terminate(): void {
    this.#socket.terminate();
  }

  #wake(): void {
    for (const look of [...this.#waiting]) look();
  }

  #when<T>(find: () => T | null): Promise<T> {
    return new Promise((resolve, reject) => {
      const settle = (act: () => void): void => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        act();
      };
      const look = (): void => {
        try {
          const found = find();
          if (found !== null) settle(() => resolve(found));
        } catch (error) {
          settle(() => reject(error));
        }
      };
      const timer = setTimeout(() => settle(() => reject(new Error(`nothing within ${WAIT_MS} ms`))), WAIT_MS);
      this.#waiting.add(look);
      look();
    });
  }
}
