import { connect, type Socket } from 'node:net';

const HEADERS_END = Buffer.from('\r\n\r\n');
const LAST_CHUNK = Buffer.from('0\r\n\r\n');

export interface Answer {
  readonly status: number;
  readonly body: string;
}

interface Waiting {
  resolve(answer: Answer): void;
  reject(error: Error): void;
}

/** One HTTP connection that is kept: one request after the other, as little work as possible. */
export class LightHttp {
  readonly #socket: Socket;
  readonly #port: number;
  #received: Buffer = Buffer.alloc(0);
  #waiting: Waiting | null = null;
  #closed = false;

  private constructor(port: number, socket: Socket) {
    this.#port = port;
    this.#socket = socket;
    socket.on('data', (chunk) => this.#read(chunk));
    const ended = (error?: Error): void => {
      this.#closed = true;
      this.#waiting?.reject(error ?? new Error('the server closed the connection'));
      this.#waiting = null;
    };
    socket.on('error', ended);
    socket.on('close', () => ended());
  }

  static open(port: number): Promise<LightHttp> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port, noDelay: true });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new LightHttp(port, socket));
      });
    });
  }

  /** Not to be called while an earlier one is under way. */
  post(path: string, headers: readonly string[], body: string): Promise<Answer> {
    if (this.#waiting) throw new Error('A request is under way on this connection.');
    if (this.#closed) return Promise.reject(new Error('the connection is closed'));
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      const head = [
        `POST ${path} HTTP/1.1`,
        `Host: 127.0.0.1:${this.#port}`,
        'Content-Type: application/json',
        `Content-Length: ${Buffer.byteLength(body)}`,
        ...headers,
      ].join('\r\n');
      this.#socket.write(`${head}\r\n\r\n${body}`);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    const headersEnd = this.#received.indexOf(HEADERS_END);
    if (headersEnd < 0) return;
    const headers = this.#received.toString('latin1', 0, headersEnd);
    const start = headersEnd + HEADERS_END.length;
    const length = /^content-length: *(\d+)/im.exec(headers)?.[1];
    let end: number;
    if (length !== undefined) {
      end = start + Number(length);
      if (this.#received.length < end) return;
    } else {
      const last = this.#received.indexOf(LAST_CHUNK, start);
      if (last < 0) return;
      end = last + LAST_CHUNK.length;
    }
    const answer = { status: Number(headers.slice(9, 12)), body: this.#received.toString('utf8', start, end) };
    this.#received = this.#received.subarray(end);
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.resolve(answer);
  }
}
