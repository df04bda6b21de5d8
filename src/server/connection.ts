import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import type { WebSocket as ProtocolSocket } from 'graphql-ws';
import type { WebSocket } from 'ws';
import type { RollcallError } from '../errors.ts';
import { toBinary } from '../graphql/binary-text.ts';
import type { Clock } from '../presence/time.ts';
import type { Caller } from '../service/api.ts';
import type { Identity } from './auth.ts';
import type { Deadline } from './deadline.ts';
import type { Allowance } from './limits.ts';
import type { Held, LibraryContext, Outlet } from './outlet.ts';
import { SignOfLife } from './sign-of-life.ts';
import { textFrame } from './text-frame.ts';
import { callAtTokenEnd, hasEnded } from './token-end.ts';

/** Codes with which we close a socket ourselves; the others are those of graphql-transport-ws. */
export const CLOSE_BAD_REQUEST = 4400;
export const CLOSE_FORBIDDEN = 4403;
export const CLOSE_INIT_TIMEOUT = 4408;
export const CLOSE_RESTARTING = 1012;
export const CLOSE_TRY_LATER = 1013;

/** The most that a close frame can hold as its reason, in bytes of UTF-8. */
const MAX_REASON_BYTES = 123;

const ID_BYTES = 16;
const NOTHING: readonly Held[] = [];

/** A client that has said so much since it last took all that was for it is not served any further, in bytes. */
const MAX_SAID_UNREAD = 4 * 1_048_576;

/** One open WebSocket. What each of them holds counts: there are tens of thousands. */
export class Connection implements Outlet, ProtocolSocket {
  /** Random, and never given twice: sessions are bound to it. (A `randomUUID` is put together of twenty strings, all kept.) */
  readonly id: string = randomBytes(ID_BYTES).toString('base64url');
  readonly #socket: WebSocket;
  readonly #line: Socket;
  /** What has been written still waits for the other side to read. */
  #busy = false;
  /** How much had been read when it became so, in bytes. */
  #readBefore = 0;
  /** Null for nobody. */
  #whenFree: Set<() => void> | null = null;
  #held: readonly Held[] = NOTHING;
  #greeting: NodeJS.Timeout | null = null;
  #heard: ((data: string) => Promise<void>) | null = null;
  /** Null until it has signed in, which it may never do. */
  caller: Caller | null = null;
  /** Null until the client has asked to be let in. */
  library: LibraryContext | null = null;
  /** Those by which its token ends; null where there is none. */
  #identity: Identity | null = null;
  #clock: Clock | null = null;
  #tokenEnd: Deadline | null = null;
  /** What it holds of what its user may. */
  #allowance: Allowance | null = null;
  readonly #life = new SignOfLife();
  #closing = false;

  /** `line` is the TCP socket below. */
  constructor(socket: WebSocket, line: Socket) {
    this.#socket = socket;
    this.#line = line;
  }

  /** The subprotocol that was agreed on. */
  get protocol(): string {
    return this.#socket.protocol;
  }

  /** Closes with 4408 unless `greeted` is called within `ms`. */
  awaitGreeting(ms: number): void {
    this.#greeting = setTimeout(() => this.close(CLOSE_INIT_TIMEOUT, 'Connection initialisation timeout'), ms);
  }

  greeted(): void {
    if (this.#greeting) clearTimeout(this.#greeting);
    this.#greeting = null;
  }

  /** One listener, which is given what `heard` is. */
  onMessage(listener: (data: string) => Promise<void>): void {
    this.#heard = listener;
  }

  /** A message has come. Settles as the listener does. */
  async heard(data: string): Promise<void> {
    await this.#heard?.(data);
  }

  /** Closes by itself soon after the token has ended. A socket that has closed meanwhile stays nobody's. */
  signIn(identity: Identity, clock: Clock): void {
    if (this.#closing) return;
    this.caller = { userId: identity.userId, admin: identity.admin, connection: this.id };
    if (identity.expiresAt === null) return;
    this.#identity = identity;
    this.#clock = clock;
    this.#tokenEnd = callAtTokenEnd(identity, clock, () => this.#closeExpired());
  }

  /** Whether its token still counts. If not, it is closed now: nothing is begun with a token that has ended. */
  mayAsk(): boolean {
    if (this.#identity === null || this.#clock === null || !hasEnded(this.#identity, this.#clock)) return true;
    this.#closeExpired();
    return false;
  }

  /** Counts it against its user's connections until it has closed: why it cannot be, or null. */
  enter(allowance: Allowance): RollcallError | null {
    if (this.#closing || this.caller === null) return null;
    const full = allowance.take(this.caller.userId);
    if (full === null) this.#allowance = allowance;
    else this.caller = null;
    return full;
  }

  /** The socket has closed, whoever closed it. */
  closed(): void {
    this.#closing = true;
    this.greeted();
    this.#tokenEnd?.cancel();
    if (this.caller) this.#allowance?.giveBack(this.caller.userId);
    this.#allowance = null;
    for (const stream of this.#held) stream.end();
    this.#freed();
  }

  /** Resolves when the message is out or never will be: whoever sends waits, so that a slow reader slows only itself. */
  async send(data: string): Promise<void> {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    this.write(toBinary(data));
    if (this.#busy) await new Promise<void>((resolve) => this.onFree(resolve));
  }

  /**
   * The same for two messages, as binary strings, which leave in one piece. Null when they are out already or never will be.
   */
  sendBoth(first: string, second: string): Promise<void> | null {
    if (this.#socket.readyState !== this.#socket.OPEN) return null;
    this.#put(textFrame(first) + textFrame(second));
    return this.#busy ? new Promise((resolve) => this.onFree(resolve)) : null;
  }

  get free(): boolean {
    return !this.#busy && this.#socket.readyState === this.#socket.OPEN;
  }

  /**
   * One message, as a binary string, not waited for. It goes past the sender of `ws`, which would put header and text out as
   * two pieces; that is sound since without compression the sender too writes each frame in one turn.
   */
  write(text: string): void {
    this.#put(textFrame(text));
  }

  hold(stream: Held): void {
    this.#held = this.#held.concat(stream);
    if (this.#socket.readyState === this.#socket.CLOSED) stream.end();
  }

  letGo(stream: Held): void {
    if (this.#held.includes(stream)) this.#held = this.#held.filter((other) => other !== stream);
  }

  /** How many streams are held. */
  get holding(): number {
    return this.#held.length;
  }

  onFree(listener: () => void): void {
    this.#whenFree ??= new Set();
    this.#whenFree.add(listener);
  }

  /** The first close counts. */
  close(code = CLOSE_RESTARTING, reason = ''): void {
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

  /**
   * Ends it if its client says more and more, which has to be answered, and takes none of the answers: what waits for a reader
   * is bounded by the roster, but what is asked for is not.
   */
  endIfFlooding(): void {
    if (this.#busy && this.#line.bytesRead - this.#readBefore > MAX_SAID_UNREAD) this.terminate();
  }

  /** A ping was answered. */
  answered(): void {
    this.#life.answered();
  }

  /** To be called at intervals of `roundMs`: ends the socket if nobody is there any more, else asks for a sign of life. */
  check(roundMs: number): void {
    const finding = this.#life.check(this.#line, roundMs);
    if (finding === 'gone') this.terminate();
    else if (finding === 'ask' && this.#socket.readyState === this.#socket.OPEN) this.#socket.ping();
  }

  #put(frames: string): void {
    this.#line.write(frames, 'latin1');
    if (!this.#busy) this.#watchLine();
  }

  /**
   * What does not fit into the line at once goes out behind what is there already. A line that has ended would fail each
   * such write at once, without end as long as something is on its way in it.
   */
  #watchLine(): void {
    const wasBusy = this.#busy;
    this.#busy = this.#line.writableLength > 0 && this.#line.writable;
    if (this.#busy && !wasBusy) this.#readBefore = this.#line.bytesRead;
    if (this.#busy) this.#line.write('', () => this.#watchLine());
    else this.#freed();
  }

  #freed(): void {
    this.#busy = false;
    const listeners = this.#whenFree;
    if (listeners === null) return;
    this.#whenFree = null;
    for (const listener of listeners) listener();
  }
}

function fitReason(reason: string): string {
  if (Buffer.byteLength(reason) <= MAX_REASON_BYTES) return reason;
  const fitting = Buffer.from(reason).subarray(0, MAX_REASON_BYTES - '…'.length * 3);
  // A character that was cut in two decodes to U+FFFD.
  return `${fitting.toString().replace(/\uFFFD+$/, '')}…`;
}
