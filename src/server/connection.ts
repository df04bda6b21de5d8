import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import { toBinary } from '../graphql/binary-text.ts';
import type { Clock } from '../presence/time.ts';
import type { Caller } from '../service/api.ts';
import type { Identity } from './auth.ts';
import type { Outlet } from './direct-stream.ts';
import { SignOfLife } from './sign-of-life.ts';
import { textFrame } from './text-frame.ts';
import { callAtTokenEnd, hasEnded } from './token-end.ts';

/** Codes with which we close a socket ourselves; the others are those of graphql-transport-ws. */
export const CLOSE_BAD_REQUEST = 4400;
export const CLOSE_FORBIDDEN = 4403;
export const CLOSE_RESTARTING = 1012;
export const CLOSE_TRY_LATER = 1013;

/** The most that a close frame can hold as its reason, in bytes of UTF-8. */
const MAX_REASON_BYTES = 123;

/** One open WebSocket. */
export class Connection implements Outlet {
  /** Random, and never given twice: sessions are bound to it. */
  readonly id: string = randomUUID();
  readonly #socket: WebSocket;
  readonly #line: Socket;
  /** What has been written still waits for the other side to read. */
  #busy = false;
  readonly #whenFree = new Set<() => void>();
  /** Null until it has signed in, which it may never do. */
  caller: Caller | null = null;
  #tokenEnded: () => boolean = () => false;
  #forgetTokenEnd: () => void = () => {};
  readonly #life: SignOfLife;
  #closing = false;

  /** `line` is the TCP socket below. */
  constructor(socket: WebSocket, line: Socket) {
    this.#socket = socket;
    this.#line = line;
    this.#life = new SignOfLife(line, () => {
      if (socket.readyState === socket.OPEN) socket.ping();
    });
  }

  /** Closes by itself soon after the token has ended. A socket that has closed meanwhile stays nobody's. */
  signIn(identity: Identity, clock: Clock): void {
    if (this.#closing) return;
    this.caller = { userId: identity.userId, admin: identity.admin, connection: this.id };
    this.#tokenEnded = () => hasEnded(identity, clock);
    this.#forgetTokenEnd = callAtTokenEnd(identity, clock, () => this.#closeExpired());
  }

  /** Whether its token still counts. If not, it is closed now: nothing is begun with a token that has ended. */
  mayAsk(): boolean {
    if (!this.#tokenEnded()) return true;
    this.#closeExpired();
    return false;
  }

  /** The socket has closed, whoever closed it. */
  closed(): void {
    this.#closing = true;
    this.#forgetTokenEnd();
    this.#freed();
  }

  /** Resolves when the message is out or never will be: whoever sends waits, so that a slow reader slows only itself. */
  async send(data: string): Promise<void> {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    this.write(toBinary(data));
    if (this.#busy) await new Promise<void>((resolve) => this.onFree(resolve));
  }

  get free(): boolean {
    return !this.#busy && this.#socket.readyState === this.#socket.OPEN;
  }

  /**
   * One message, as a binary string, not waited for. It goes past the sender of `ws`, which would put header and text out as
   * two pieces; that is sound since without compression the sender too writes each frame in one turn.
   */
  write(text: string): void {
    this.#line.write(textFrame(text), 'latin1');
    if (!this.#busy) this.#watchLine();
  }

  onFree(listener: () => void): void {
    this.#whenFree.add(listener);
  }

  /** The first close counts. */
  close(code: number, reason: string): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#socket.close(code, fitReason(reason));
  }

  #closeExpired(): void {
    this.close(CLOSE_FORBIDDEN, 'The token has expired.');
  }

  terminate(): void {
    this.#closing = true;
    this.#socket.terminate();
  }

  /** A ping was answered. */
  answered(): void {
    this.#life.answered();
  }

  /** To be called at intervals of `roundMs`: ends the socket if nobody is there any more, else asks for a sign of life. */
  check(roundMs: number): void {
    if (!this.#life.check(roundMs)) this.terminate();
  }

  /**
   * What does not fit into the line at once goes out behind what is there already. A line that has ended would fail each
   * such write at once, without end as long as something is on its way in it.
   */
  #watchLine(): void {
    this.#busy = this.#line.writable && this.#line.writableLength > 0;
    if (this.#busy) this.#line.write('', () => this.#watchLine());
    else this.#freed();
  }

  #freed(): void {
    this.#busy = false;
    if (this.#whenFree.size === 0) return;
    const listeners = [...this.#whenFree];
    this.#whenFree.clear();
    for (const listener of listeners) listener();
  }
}

function fitReason(reason: string): string {
  if (Buffer.byteLength(reason) <= MAX_REASON_BYTES) return reason;
  const fitting = Buffer.from(reason).subarray(0, MAX_REASON_BYTES - '…'.length * 3);
  // A character that was cut in two decodes to U+FFFD.
  return `${fitting.toString().replace(/\uFFFD+$/, '')}…`;
}
