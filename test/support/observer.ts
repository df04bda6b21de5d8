import type { PresenceStatus } from './life.ts';
import { RoamingClient } from './roaming-client.ts';
import type { Shown, Truth } from './truth.ts';

const PRESENCE = 'presence { status since customStatus { text } }';
export const FRIENDS_QUERY = `{ viewer { friends(first: 500) { nodes { id ${PRESENCE} } } } }`;
const FRIENDS_PRESENCE = `subscription ($after: String) {
  friendsPresence(after: $after) { reset removed cursor stale changes { id isFriend ${PRESENCE} } }
}`;
/** How long to wait for what must come. A busy machine is a slow one. */
const PATIENCE_MS = 20_000;
/** Between two attempts to open the stream while nodes refuse. */
const PAUSE_MS = 60;

interface WirePresence {
  readonly status: PresenceStatus;
  readonly since: string | null;
  readonly customStatus: { readonly text: string | null } | null;
}

export interface WireUser {
  readonly id: string;
  readonly presence: WirePresence | null;
}

interface Frame {
  readonly reset: boolean;
  readonly removed: readonly string[];
  readonly cursor: string;
  readonly stale: boolean;
  readonly changes: readonly (WireUser & { readonly isFriend: boolean })[];
}

export function shownOf({ status, since, customStatus }: WirePresence): Shown {
  return { status, since: since === null ? null : Date.parse(since), text: customStatus?.text ?? null };
}

/**
 * A viewer with a real `friendsPresence` stream, which goes on with its last cursor at the next node whenever it is cut
 * off. It accumulates what it is sent and holds it against the truth.
 */
export class Observer {
  readonly userId: string;
  /** What a client holds. */
  readonly roster = new Map<string, Shown>();
  /** The server says that what is shown may be old. */
  stale = false;
  /** How many frames it has been sent, and whether the last one was a whole roster. */
  frames = 0;
  reset = false;
  readonly #truth: Truth;
  readonly #urls: readonly string[];
  #client: RoamingClient;
  readonly #variables: { after: string | null } = { after: null };
  /** Outlives a reset, other than the roster. */
  readonly #newest = new Map<string, number>();
  readonly #waiting = new Set<() => void>();
  #retry: NodeJS.Timeout | undefined;
  #watching = false;
  #closed = false;

  /** Begins at once, with the node of number `first`. */
  constructor(userId: string, urls: readonly string[], first: number, truth: Truth) {
    this.userId = userId;
    this.#truth = truth;
    this.#urls = urls;
    this.#client = new RoamingClient(userId, urls, first);
    this.#watch();
  }

  /** The number of the node that it is connected to or tries. */
  get node(): number {
    return this.#client.node;
  }

  goElsewhere(): void {
    this.#client.goElsewhere();
  }

  /** Closes the stream and keeps what a client keeps. */
  goAway(): void {
    clearTimeout(this.#retry);
    this.#watching = true;
    this.#client.close();
  }

  /** Goes on at the node of that number from where it stopped. */
  comeBack(node: number): void {
    this.#client = new RoamingClient(this.userId, this.#urls, node);
    this.#watching = false;
    this.#watch();
  }

  /** Resolves with the moment at which `friend` is shown as `status`; undefined: not at all. Fails after `ms`. */
  sees(friend: string, status: PresenceStatus | undefined, ms = PATIENCE_MS): Promise<number> {
    return this.until(`${friend} to be ${status ?? 'nobody'}`, () => this.roster.get(friend)?.status === status, ms);
  }

  /** Online or away. */
  seesHere(friend: string): Promise<number> {
    return this.until(`${friend} to be here`, () => (this.roster.get(friend)?.status ?? 'OFFLINE') !== 'OFFLINE');
  }

  until(what: string, holds: () => boolean, ms = PATIENCE_MS): Promise<number> {
    return new Promise((resolve, reject) => {
      const settle = (act: () => void): void => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        act();
      };
      const look = (): void => {
        if (holds()) settle(() => resolve(Date.now()));
      };
      const timer = setTimeout(() => {
        const roster = JSON.stringify([...this.roster]);
        settle(() => reject(new Error(`${this.userId} waited ${ms} ms for ${what}; it shows ${roster}`)));
      }, ms);
      this.#waiting.add(look);
      look();
    });
  }

  /** Idempotent. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#client.close();
  }

  #watch(): void {
    if (this.#closed || this.#watching) return;
    this.#watching = true;
    let over = false;
    const client = this.#client;
    client.stream<{ friendsPresence: Frame }>(FRIENDS_PRESENCE, this.#variables, {
      next: ({ friendsPresence }) => this.#take(friendsPresence),
      ended: () => {
        if (over || client !== this.#client) return;
        over = true;
        if (this.#closed || client.closed) return;
        this.#watching = false;
        // A node that cannot serve it is left, as one that is silent.
        this.#retry = setTimeout(() => {
          this.#watch();
          this.goElsewhere();
        }, PAUSE_MS);
      },
    });
  }

  #take(frame: Frame): void {
    const at = Date.now();
    this.stale = frame.stale;
    this.frames += 1;
    this.reset = frame.reset;
    const { tally } = this.#truth;
    tally.frames++;
    if (frame.reset) tally.resets++;
    if (frame.stale) tally.stale++;
    if (!frame.reset && this.#variables.after === null)
      this.#wrong('the first frame without a cursor does not say reset');
    if (frame.reset) this.roster.clear();
    const seen = new Set<string>();
    for (const { id, isFriend, presence } of frame.changes) {
      if (seen.has(id) || frame.removed.includes(id)) this.#wrong(`${id} is twice in one frame`);
      seen.add(id);
      if (!isFriend || presence === null)
        this.#wrong(`${id} is in a frame as ${JSON.stringify({ isFriend, presence })}`);
      else this.#accept(id, shownOf(presence), at, frame.stale);
    }
    for (const id of frame.removed) this.roster.delete(id);
    this.#variables.after = frame.cursor;
    this.#note(frame);
    for (const look of [...this.#waiting]) look();
  }

  #note({ reset, stale, changes, removed }: Frame): void {
    const who = `${this.userId} at ${this.node}${reset ? ' RESET' : ''}${stale ? ' stale' : ''}:`;
    for (const { id, presence } of changes) {
      this.#truth.note(`${who} ${id} ${presence?.status} since ${(presence?.since ?? 'never').slice(14)}`);
    }
    for (const id of removed) this.#truth.note(`${who} ${id} removed`);
    if (changes.length + removed.length === 0) this.#truth.note(`${who} nothing`);
  }

  #accept(friend: string, shown: Shown, at: number, stale: boolean): void {
    const before = this.roster.get(friend);
    if (before && sameShown(before, shown)) this.#truth.tally.repeats++;
    const newest = this.#newest.get(friend);
    const since = shown.since ?? 0;
    // What came before the store lost its data is no measure any more: rule 5.5.
    if (newest !== undefined && since < newest && newest > this.#truth.lostDataAt) {
      this.#wrong(`${friend} went back in time: since ${newest} was shown, now ${shown.status} since ${shown.since}`);
    }
    this.#newest.set(friend, since);
    this.roster.set(friend, shown);
    this.#truth.saw({ ...shown, viewer: this.userId, friend, at, stale });
  }

  #wrong(what: string): void {
    this.#truth.wrong(`${this.userId}: ${what}`);
  }
}

export function sameShown(a: Shown | undefined, b: Shown | undefined): boolean {
  return a?.status === b?.status && a?.since === b?.since && a?.text === b?.text;
}
