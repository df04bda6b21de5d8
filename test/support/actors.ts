import { LEASE_MS, SPANS } from './fleet.ts';
import type { Ask, Life, PresenceStatus } from './life.ts';
import { dataOf, Refused, RoamingClient } from './roaming-client.ts';
import type { Truth } from './truth.ts';

const HEARTBEAT = `mutation ($input: HeartbeatInput!) { heartbeat(input: $input) { session { expiresAt } nextHeartbeatMs } }`;
const END_SESSION = `mutation ($input: EndSessionInput!) { endSession(input: $input) { viewer { id } } }`;
const SET_VISIBILITY = `mutation ($input: SetVisibilityInput!) { setVisibility(input: $input) { viewer { id } } }`;
const SET_CUSTOM_STATUS = `mutation ($input: SetCustomStatusInput!) { setCustomStatus(input: $input) { viewer { id } } }`;

interface HeartbeatData {
  readonly heartbeat: {
    readonly session: { readonly expiresAt: string | null };
    readonly nextHeartbeatMs: number | null;
  };
}

export type Mood = 'ACTIVE' | 'IDLE';
const STATUS: Record<Mood, PresenceStatus> = { ACTIVE: 'ONLINE', IDLE: 'AWAY' };

/** Over HTTP: how long a node may take before the next one is asked. */
const PATIENCE_MS = 600;
const PAUSE_MS = 40;
/** For how long what was held up may still arrive. */
const LATE_MS = 10_000;

/** Whether what a node's clients do still counts for those who look from outside: see `Stage.cutOff`. */
export type Counts = (node: number, at: number) => boolean;

export interface ActorOptions {
  readonly userId: string;
  readonly urls: readonly string[];
  /** The number of the node to begin with. */
  readonly first: number;
  readonly truth: Truth;
  readonly counts: Counts;
}

/** A user with one session, who behaves like a good client and writes down what it was promised. */
export abstract class Actor {
  readonly userId: string;
  readonly life: Life;
  /** How they are: what they have said, or are trying to say. Null when they are not here. */
  mood: Mood | null = null;
  text: string | null = null;
  /** So many times they have said how they are and have not been answered: `text` may be so or not. */
  unanswered = 0;
  /** Until when a node may obey what it was sent and has never answered; null: nothing like that has been sent. */
  lateUntil: number | null = null;
  protected readonly urls: readonly string[];
  protected readonly truth: Truth;
  protected readonly counts: Counts;

  constructor({ userId, urls, truth, counts }: ActorOptions) {
    this.userId = userId;
    this.urls = urls;
    this.truth = truth;
    this.counts = counts;
    this.life = truth.life(userId);
  }

  /** What friends from whom they do not hide must see once all is quiet. */
  get status(): PresenceStatus {
    return this.mood === null ? 'OFFLINE' : STATUS[this.mood];
  }

  /** The number of the node that serves them. */
  abstract get node(): number;

  /** Resolves when they are here. */
  abstract start(): Promise<void>;

  /** Resolves when a node has answered. Tries until one does. */
  protected abstract run<T>(query: string, input: Record<string, unknown>): Promise<T>;

  protected abstract get binds(): boolean;

  /** Ends the session, and then all that the client does. */
  async leave(): Promise<void> {
    this.mood = null;
    const ask = this.life.ask('end');
    this.life.end(ask.at);
    this.halt();
    await this.run(END_SESSION, { sessionId: this.sessionId });
    ask.doneAt = Date.now();
    this.life.end(ask.at);
    // What is obeyed late may begin a session once more.
    this.life.leftAt = this.lateUntil === null ? ask.doneAt : this.lateUntil + LEASE_MS;
    this.truth.note(`${this.userId} has left`);
    this.vanish();
  }

  /** Is no more, and says nothing to anybody. Its sockets are closed by the machine. */
  abstract vanish(): void;

  async turn(mood: Mood): Promise<void> {
    this.mood = mood;
    const ask = this.life.ask('activity', STATUS[mood]);
    await this.beat(ask);
  }

  async say(text: string): Promise<void> {
    this.text = text;
    this.unanswered += 1;
    await this.run(SET_CUSTOM_STATUS, { text });
    this.unanswered = 0;
  }

  /** Towards one viewer, or, without one, towards everyone. */
  async hide(hidden: boolean, viewer: string | null = null): Promise<void> {
    const done = this.truth.hiding(this.userId, viewer ?? '*').change(hidden);
    const ask = this.life.ask('visibility');
    const input = viewer === null ? { invisible: hidden } : hidden ? { hideFrom: [viewer] } : { showTo: [viewer] };
    await this.run(SET_VISIBILITY, input);
    ask.doneAt = Date.now();
    done();
    this.truth.note(`${this.userId} ${hidden ? 'hides from' : 'shows to'} ${viewer ?? 'everyone'}`);
  }

  /**
   * Gives up waiting for an answer: no server can tell a request that the network, or a process that was stopped, delivers
   * late from one that is made late.
   */
  protected abandon(status: PresenceStatus, sentAt: number): void {
    this.lateUntil = Date.now() + LATE_MS;
    this.life.ask('activity', status, sentAt).doneAt = this.lateUntil;
  }

  protected get sessionId(): string {
    return `${this.userId}-session`;
  }

  /** Stops what the client does by itself. */
  protected abstract halt(): void;

  /** One heartbeat, to its answer; settles `ask`. */
  protected abstract beat(ask: Ask): Promise<void>;

  protected beatInput(): Record<string, unknown> {
    return { sessionId: this.sessionId, client: 'WEB', activity: this.mood ?? 'ACTIVE', bindToConnection: this.binds };
  }
}

/** Has a WebSocket to which the session is bound, and says so anew to each node that it comes to. */
export class BoundActor extends Actor {
  readonly #client: RoamingClient;
  /** Since when the session is bound to the socket that is open now. */
  #boundAt: number | null = null;
  #socket = 0;
  readonly #ready: Promise<void>;
  #isReady: () => void = () => {};
  #halted = false;
  /** Sent and not answered yet. */
  #underWay = 0;

  constructor(options: ActorOptions) {
    super(options);
    this.mood = 'ACTIVE';
    this.#ready = new Promise((resolve) => {
      this.#isReady = resolve;
    });
    this.#client = new RoamingClient(options.userId, options.urls, options.first, {
      connected: () => {
        this.#socket += 1;
        void this.#bind(this.#socket);
      },
      lost: () => {
        if (this.#underWay > 0) this.abandon(this.status, Date.now());
        this.#boundAt = null;
        this.#socket += 1;
      },
      alive: (sentAt) => this.#prove(sentAt),
    });
  }

  get node(): number {
    return this.#client.node;
  }

  get isBound(): boolean {
    return this.#boundAt !== null;
  }

  protected get binds(): boolean {
    return true;
  }

  async start(): Promise<void> {
    await this.#ready;
  }

  goElsewhere(): void {
    this.#client.goElsewhere();
  }

  /** Resolves as soon as the session is bound to an open socket. */
  async untilBound(): Promise<void> {
    while (!this.isBound) await pause();
  }

  vanish(): void {
    this.mood = null;
    this.halt();
    this.#client.close();
  }

  protected halt(): void {
    this.#halted = true;
    this.#boundAt = null;
  }

  protected async run<T>(query: string, input: Record<string, unknown>): Promise<T> {
    for (;;) {
      try {
        return await this.#ask<T>(query, input);
      } catch (error) {
        if (!(error instanceof Refused) || error.code !== 'UNAVAILABLE') throw error;
        await pause();
      }
    }
  }

  protected async beat(ask: Ask): Promise<void> {
    const { heartbeat } = await this.run<HeartbeatData>(HEARTBEAT, this.beatInput());
    ask.doneAt = Date.now();
    if (heartbeat.nextHeartbeatMs !== null) this.truth.wrong(`${this.userId} asked to be bound and was not`);
  }

  async #ask<T>(query: string, input: Record<string, unknown>): Promise<T> {
    this.#underWay += 1;
    try {
      return await this.#client.ask<T>(query, { input });
    } finally {
      this.#underWay -= 1;
    }
  }

  async #bind(socket: number): Promise<void> {
    const ask = this.life.ask('beat', this.status);
    while (socket === this.#socket && !this.#halted) {
      const sentAt = Date.now();
      try {
        const { heartbeat } = await this.#ask<HeartbeatData>(HEARTBEAT, this.beatInput());
        if (heartbeat.nextHeartbeatMs !== null) this.truth.wrong(`${this.userId} asked to be bound and was not`);
        if (socket !== this.#socket || this.#halted) break;
        this.#boundAt = Date.now();
        if (this.#countsSince(sentAt)) this.life.prove(this.#boundAt, sentAt + SPANS.graceMs);
        this.truth.note(`${this.userId} is bound at ${this.node}`);
        this.#isReady();
        break;
      } catch {
        await pause();
      }
    }
    ask.doneAt = Date.now();
  }

  #countsSince(sentAt: number): boolean {
    return this.counts(this.node, sentAt) && this.counts(this.node, Date.now());
  }

  /** The socket was open when the ping arrived, and has been ever since the session was bound to it. */
  #prove(sentAt: number): void {
    if (this.#boundAt === null || sentAt < this.#boundAt) return;
    if (this.#countsSince(sentAt)) this.life.prove(this.#boundAt, sentAt + SPANS.graceMs);
    // What is proven later begins later.
    else this.#boundAt = Date.now();
  }
}

/** Sends heartbeats over HTTP, as often as it is told, and asks the next node when one does not answer. */
export class BeatingActor extends Actor {
  #node: number;
  #timer: NodeJS.Timeout | undefined;
  #halted = false;
  #vanished = false;
  #beats: Promise<void> = Promise.resolve();

  constructor(options: ActorOptions) {
    super(options);
    this.#node = options.first;
  }

  get node(): number {
    return this.#node % this.urls.length;
  }

  protected get binds(): boolean {
    return false;
  }

  async start(): Promise<void> {
    this.mood = 'ACTIVE';
    await this.beat(this.life.ask('beat', this.status));
  }

  vanish(): void {
    this.mood = null;
    this.#vanished = true;
    this.halt();
  }

  protected halt(): void {
    this.#halted = true;
    clearTimeout(this.#timer);
  }

  /** One after the other: of two at once nobody could say which one is heard last. */
  protected beat(ask: Ask): Promise<void> {
    const beat = this.#beats.then(() => this.#beat(ask));
    this.#beats = beat.catch(() => undefined);
    return beat;
  }

  async #beat(ask: Ask): Promise<void> {
    clearTimeout(this.#timer);
    let sentAt = 0;
    const { heartbeat } = await this.#ask<HeartbeatData>(HEARTBEAT, () => {
      sentAt = Date.now();
      return this.beatInput();
    });
    ask.doneAt = Date.now();
    if (this.#halted) return;
    if (this.counts(this.node, sentAt) && this.counts(this.node, ask.doneAt)) {
      this.life.prove(ask.doneAt, sentAt + LEASE_MS);
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (!this.#halted)
        // After something that was obeyed late, it says how they are as well.
        this.beat(this.life.ask(this.lateUntil === null ? 'beat' : 'activity', this.status)).catch((error: unknown) => {
          if (!this.#vanished) this.truth.wrong(String(error));
        });
    }, heartbeat.nextHeartbeatMs ?? 0);
  }

  protected run<T>(query: string, input: Record<string, unknown>): Promise<T> {
    return this.#ask<T>(query, () => input);
  }

  async #ask<T>(query: string, input: () => Record<string, unknown>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      const { status } = this;
      const sentAt = Date.now();
      try {
        return await post<T>(this.urls[this.node] ?? '', this.userId, query, { input: input() });
      } catch (error) {
        if (error instanceof Refused && error.code !== 'UNAVAILABLE') throw error;
        if (!(error instanceof Refused)) this.abandon(status, sentAt);
        if (this.#vanished) throw error;
        this.#node += 1;
        if (attempt % this.urls.length === 0) await pause();
      }
    }
  }
}

/** One operation over HTTP. Rejects with `Refused` for an answer that is an error, else with what went wrong. */
export async function post<T>(
  url: string,
  token: string,
  query: string,
  variables: Record<string, unknown> = {},
): Promise<T> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ query, variables }),
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  return dataOf<T>(JSON.parse(await response.text()));
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
}
