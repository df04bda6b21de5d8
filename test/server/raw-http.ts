import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** A client that writes what no client should, byte for byte, and keeps all that comes back. */
export class RawHttp {
  readonly #socket: Socket;
  #text = '';
  readonly #waiting = new Set<() => void>();
  #closed = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('error', () => {});
    socket.on('data', (data) => {
      this.#text += data.toString('latin1');
      this.#wake();
    });
    socket.on('close', () => {
      this.#closed = true;
      this.#wake();
    });
  }

  static async open(port: number): Promise<RawHttp> {
    const socket = connect(port, '127.0.0.1');
    const raw = new RawHttp(socket);
    await once(socket, 'connect');
    return raw;
  }

  write(text: string): void {
    this.#socket.write(text, 'latin1');
  }

  /** Reads nothing from now on. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  get text(): string {
    return this.#text;
  }

  get open(): boolean {
    return !this.#closed;
  }

  /** The statuses of all answers so far, in their order. */
  get statuses(): readonly number[] {
    return [...this.#text.matchAll(/HTTP\/1\.1 (\d{3}) [A-Z]/g)].map(([, status]) => Number(status));
  }

  /** Resolves when that many answers have begun; rejects when the server closes before or `ms` pass. */
  answers(count: number, ms = 30_000): Promise<readonly number[]> {
    return this.#when(() => (this.statuses.length >= count ? this.statuses : null), ms);
  }

  /** Resolves with all that came when the server has closed. */
  ended(ms = 40_000): Promise<string> {
    return this.#when(() => (this.#closed ? this.#text : null), ms);
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #wake(): void {
    for (const look of [...this.#waiting]) look();
  }

  #when<T>(find: () => T | null, ms: number): Promise<T> {
    return new Promise((resolve, reject) => {
      const settle = (act: () => void): void => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        act();
      };
      const look = (): void => {
        const found = find();
        if (found !== null) settle(() => resolve(found));
        else if (this.#closed) settle(() => reject(new Error(`closed after ${JSON.stringify(this.#text)}`)));
      };
      const late = (): void => reject(new Error(`${ms} ms passed after ${JSON.stringify(this.#text.slice(0, 500))}`));
      const timer = setTimeout(() => settle(late), ms);
      this.#waiting.add(look);
      look();
    });
  }
}
