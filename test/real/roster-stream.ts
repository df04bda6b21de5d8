import { Connection, PRESENCE, shownOf, type WirePresence } from './graphql.ts';
import type { Shown } from './offline.ts';

const FRIENDS_PRESENCE = `subscription { friendsPresence { reset removed stale changes { id ${PRESENCE} } } }`;
const FIRST_FRAME_MS = 60_000;

interface Frame {
  readonly reset: boolean;
  readonly removed: readonly string[];
  readonly stale: boolean;
  readonly changes: readonly { readonly id: string; readonly presence: WirePresence | null }[];
}

/** Adds up what all streams of a run saw. */
export class StreamTotals {
  frames = 0;
  changes = 0;
  /** How many of the changes showed each status. */
  readonly shown = new Map<string, number>();
  /** What can be told to be wrong without knowing what is right. */
  readonly faults: string[] = [];
}

/**
 * One viewer's `friendsPresence` on a WebSocket of its own, accumulated as a client does. Nobody loses a friend in these
 * runs, so `removed` must stay empty.
 */
export class RosterStream {
  readonly viewer: string;
  readonly connection: Connection;
  readonly roster = new Map<string, Shown>();
  readonly #friends: ReadonlySet<string>;
  readonly #totals: StreamTotals;
  /** Outlives a reset, other than the roster. */
  readonly #since = new Map<string, number>();
  #frames = 0;
  #tell: () => void = () => {};
  #lost: string | null = null;

  private constructor(url: string, viewer: string, friends: ReadonlySet<string>, totals: StreamTotals) {
    this.viewer = viewer;
    this.#friends = friends;
    this.#totals = totals;
    this.connection = new Connection(url, viewer);
  }

  /** Resolves with the first frame taken in. */
  static async open(
    url: string,
    viewer: string,
    friends: ReadonlySet<string>,
    totals: StreamTotals,
  ): Promise<RosterStream> {
    const stream = new RosterStream(url, viewer, friends, totals);
    stream.connection.subscribe<{ friendsPresence: Frame }>(
      FRIENDS_PRESENCE,
      ({ friendsPresence }) => stream.#take(friendsPresence),
      (why) => stream.#ended(why),
    );
    await stream.#until('the first frame', () => stream.#frames > 0, FIRST_FRAME_MS);
    return stream;
  }

  /** Resolves with the moment, by `performance.now`, at which the stream showed `friend` with `status`. */
  async sees(friend: string, status: string, withinMs: number): Promise<number> {
    await this.#until(`${friend} to be ${status}`, () => this.roster.get(friend)?.status === status, withinMs);
    return performance.now();
  }

  /** Who is missing and who is too many, a line each. */
  incomplete(): string[] {
    const missing = [...this.#friends].filter((friend) => !this.roster.has(friend));
    const extra = [...this.roster.keys()].filter((friend) => !this.#friends.has(friend));
    return [
      ...missing.map((friend) => `viewer ${this.viewer}, friend ${friend}: expected on the roster, not seen`),
      ...extra.map((other) => `viewer ${this.viewer}: no friend of theirs is ${other}, but seen on the roster`),
    ];
  }

  #until(what: string, holds: () => boolean, withinMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (act: () => void): void => {
        clearTimeout(timer);
        this.#tell = () => {};
        act();
      };
      const fail = (why: string): void => reject(new Error(`Viewer ${this.viewer} waited for ${what}: ${why}.`));
      const timer = setTimeout(() => settle(() => fail(`not within ${withinMs} ms`)), withinMs);
      this.#tell = () => {
        if (holds()) settle(resolve);
        else if (this.#lost !== null) settle(() => fail(`the stream ended: ${this.#lost}`));
      };
      this.#tell();
    });
  }

  #take({ reset, removed, stale, changes }: Frame): void {
    if (this.#frames === 0 && !reset) this.#fault('the first frame does not reset');
    this.#frames++;
    this.#totals.frames++;
    this.#totals.changes += changes.length;
    if (stale) this.#fault('a frame says stale, but the store was never away');
    if (reset) this.roster.clear();
    const inFrame = new Set<string>();
    for (const { id, presence } of changes) {
      if (inFrame.has(id)) this.#fault(`friend ${id} is twice in one frame`);
      inFrame.add(id);
      if (!this.#friends.has(id)) this.#fault(`${id} is in a frame and no friend of theirs`);
      if (presence === null) this.#fault(`friend ${id} has no presence in a frame`);
      else this.#accept(id, shownOf(presence));
    }
    for (const id of removed) {
      this.#fault(`friend ${id} was removed, but is still a friend`);
      this.roster.delete(id);
    }
    this.#tell();
  }

  #accept(friend: string, shown: Shown): void {
    this.#totals.shown.set(shown.status, (this.#totals.shown.get(shown.status) ?? 0) + 1);
    const before = this.#since.get(friend) ?? Number.NEGATIVE_INFINITY;
    const since = shown.since ?? Number.NEGATIVE_INFINITY;
    if (since < before) this.#fault(`friend ${friend}: since went back from ${before} to ${shown.since}`);
    if (shown.since !== null) this.#since.set(friend, shown.since);
    this.roster.set(friend, shown);
  }

  #ended(why: string): void {
    this.#lost = why;
    this.#fault(`the stream ended: ${why}`);
    this.#tell();
  }

  #fault(what: string): void {
    this.#totals.faults.push(`viewer ${this.viewer}: ${what}`);
  }
}
