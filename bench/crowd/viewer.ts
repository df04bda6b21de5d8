import { LightSocket } from '../client/socket.ts';
import type { Dialect, Speaker } from '../contestants/contestant.ts';
import type { Ledger } from './ledger.ts';

/** `watch`: takes the roster and all changes. `stay`: binds a session and listens to nothing. `talk`: only connects. */
export type Purpose = 'watch' | 'stay' | 'bind-and-watch' | 'talk';

export interface ViewerParts {
  readonly dialect: Dialect;
  readonly ledger: Ledger;
  readonly port: number;
  /** Loopback addresses, which viewers come from in turn; null: whichever the system takes. */
  readonly sources: readonly string[] | null;
  /** Called with each frame that has a mark in it; null: nobody looks. */
  readonly inspect: ((bytes: Buffer, start: number, end: number) => void) | null;
}

/** The answer that `stay` waits for. */
const BINDING = 1_000_000;
/** What says that one may try again, and after how long at least clients do; at most after twice as long. */
const TRY_AGAIN = '"code":"UNAVAILABLE"';
const TRY_AGAIN_MS = 500;
/** After so many tries it is a failure. */
const TRIES = 60;

interface Awaited {
  resolve(): void;
  reject(error: Error): void;
}

/** One user's client, through as many connections as it takes. */
export class Viewer implements Speaker {
  /** As in the graph. */
  readonly index: number;
  readonly user: string;
  readonly #parts: ViewerParts;
  #purpose: Purpose = 'talk';
  #socket: LightSocket | null = null;
  /** Friends that have not been shown on this connection. */
  #unseen = 0;
  /** Has all that its purpose asks for. */
  #ready = false;
  #entering: Awaited | null = null;
  #leaving: (() => void) | null = null;
  readonly #operations = new Map<number, Awaited>();
  #fault: string | null = null;
  #refusals = 0;
  /** How often it has been told so this time. */
  #tries = 0;

  constructor(index: number, user: string, parts: ViewerParts) {
    this.index = index;
    this.user = user;
    this.#parts = parts;
  }

  /** What has gone wrong since the viewer was ready; null: nothing. */
  get fault(): string | null {
    return this.#fault;
  }

  /** How often it was told to try again, or was cut off, before it had what it came for, and did try again. */
  get refusals(): number {
    return this.#refusals;
  }

  get ready(): boolean {
    return this.#ready;
  }

  /** Resolves when it has what `purpose` asks for: a complete roster, a bound session, a connection. */
  enter(purpose: Purpose): Promise<void> {
    this.#purpose = purpose;
    return new Promise((resolve, reject) => {
      this.#entering = { resolve, reject };
      this.#connect();
    });
  }

  #connect(): void {
    const { dialect, ledger, port, sources } = this.#parts;
    ledger.forget(this.index);
    this.#unseen = ledger.graph.of(this.index).length;
    const from = sources?.[this.index % sources.length];
    this.#socket = new LightSocket(
      { port, path: dialect.path(this.user), protocol: dialect.protocol, from },
      {
        opened: () => {
          const greeting = dialect.greeting(this.user);
          if (greeting !== null) this.say(greeting);
        },
        text: (bytes, start, end) => this.#heard(bytes, start, end),
        closed: (why) => this.#closed(why),
      },
    );
  }

  /** Resolves when its socket is gone. */
  leave(how: 'close' | 'drop'): Promise<void> {
    const socket = this.#socket;
    if (!socket) return Promise.resolve();
    this.#ready = false;
    return new Promise((resolve) => {
      this.#leaving = resolve;
      socket[how]();
    });
  }

  /** Resolves when it has been answered. `id` is above 0 and not under way on this connection. */
  heartbeat(id: number, bound: boolean): Promise<void> {
    const text = this.#parts.dialect.heartbeat(this.user, id, bound);
    if (text === null) return Promise.reject(new Error('There are no heartbeats here.'));
    return new Promise((resolve, reject) => {
      this.#operations.set(id, { resolve, reject });
      this.say(text);
    });
  }

  say(text: string): void {
    this.#socket?.send(text);
  }

  greeted(): void {
    const { dialect } = this.#parts;
    switch (this.#purpose) {
      case 'talk':
        this.#entered();
        break;
      case 'stay':
      case 'bind-and-watch':
        // A service without heartbeats has nothing to bind.
        if (dialect.heartbeat(this.user, BINDING, true) === null) this.#bound();
        else {
          this.heartbeat(BINDING, true).then(
            () => this.#bound(),
            (error: Error) => this.failed(error.message),
          );
        }
        break;
      case 'watch':
        this.#watch();
        break;
      default:
        this.#purpose satisfies never;
    }
  }

  answered(id: number): void {
    const awaited = this.#operations.get(id);
    if (!awaited) return;
    this.#operations.delete(id);
    awaited.resolve();
  }

  failed(why: string): void {
    if (why.includes(TRY_AGAIN) && this.#mayTryAgain()) {
      const socket = this.#socket;
      this.#tryAgain(() => {
        if (this.#socket === socket) this.greeted();
      });
      return;
    }
    const error = new Error(`${this.user}: ${why.slice(0, 500)}`);
    if (this.#ready) this.#fault ??= error.message;
    this.#entering?.reject(error);
    this.#entering = null;
    for (const { reject } of this.#operations.values()) reject(error);
    this.#operations.clear();
  }

  /** Only where many come at once a server may be too busy for some of them; anywhere else it is a failure. */
  #mayTryAgain(): boolean {
    return this.#entering !== null && this.#purpose === 'bind-and-watch' && this.#tries < TRIES;
  }

  #tryAgain(how: () => void): void {
    this.#tries += 1;
    this.#refusals += 1;
    this.#operations.clear();
    const again = (): void => {
      if (this.#entering !== null) how();
    };
    setTimeout(again, TRY_AGAIN_MS * (1 + Math.random()));
  }

  #bound(): void {
    if (this.#purpose === 'stay') this.#entered();
    else this.#watch();
  }

  #watch(): void {
    for (const text of this.#parts.dialect.watch(this.user)) this.say(text);
    if (this.#unseen === 0) this.#entered();
  }

  #entered(): void {
    this.#ready = true;
    this.#tries = 0;
    this.#entering?.resolve();
    this.#entering = null;
  }

  #heard(bytes: Buffer, start: number, end: number): void {
    const { ledger, dialect, inspect } = this.#parts;
    const { entries, first } = ledger.read(this.index, bytes, start, end, this.#ready);
    if (entries === 0) {
      dialect.hear(bytes.toString('utf8', start, end), this);
      return;
    }
    inspect?.(bytes, start, end);
    if (first === 0) return;
    this.#unseen -= first;
    if (this.#unseen === 0 && !this.#ready) this.#entered();
  }

  #closed(why: string | null): void {
    this.#socket = null;
    if (why !== null && this.#mayTryAgain()) {
      this.#tryAgain(() => this.#connect());
      return;
    }
    if (why !== null) this.failed(why);
    this.#ready = false;
    this.#leaving?.();
    this.#leaving = null;
  }
}
