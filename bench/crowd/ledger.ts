import { Latencies } from '../measure/latencies.ts';
import type { Graph } from './graph.ts';

/** What encloses a change's number in the text that it carries. Nothing else in any frame holds this character. */
const FENCE = 0x7e;
const ZERO = 0x30;
/** A user's id, and the change that is shown beside it. */
const ENTRY = /"id":"user-(\d+)"[^~]*~(\d+)~/g;
/** Only so many frames are read in full, to see that a change is shown with the user whose it is. */
const CHECK_EVERY = 251;

/**
 * Knows what was sent and what has arrived. Each change has a number of its own, which it carries through the measured
 * server as a custom status, `~number~`; so whoever finds it in a frame knows whose change it was and when it was made.
 */
export class Ledger {
  readonly graph: Graph;
  /** The user's last change. */
  readonly #newest: Int32Array;
  /** For each pair of the graph, the friend's newest change that the user has been shown since connecting; 0: none. */
  readonly #seen: Int32Array;
  /** By number of the change. */
  #owners = new Int32Array(1 << 16);
  #sentAt = new Float64Array(1 << 16);
  #last = 0;
  /** The first of the changes that were planned. */
  #firstPlanned = 1;
  /** Only changes from this one on count as measured. */
  #measuredFrom = 1;
  /** From the call that makes a change to the frame that shows it. */
  readonly latencies = new Latencies();
  /** Of measured changes: how often one arrived at a viewer as news. */
  delivered = 0;
  /** How often a viewer was shown an older state after a newer one. */
  wentBack = 0;
  #fault: string | null = null;
  #frames = 0;

  constructor(graph: Graph) {
    this.graph = graph;
    this.#newest = new Int32Array(graph.users);
    this.#seen = new Int32Array(graph.friends.length);
  }

  /** The next change of a user, to be made now. */
  next(user: number): string {
    const change = this.#add(user, performance.now());
    this.#newest[user] = change;
    return `~${change}~`;
  }

  /**
   * Another process will make these changes, one of each of these users in turn, the first one at `startsAt` by
   * `performance.now()` and then one each `everyMs`. They count as measured, and as sent when they are due.
   */
  plan(users: readonly number[], startsAt: number, everyMs: number): void {
    this.measure();
    this.#firstPlanned = this.#last + 1;
    for (const [turn, user] of users.entries()) this.#add(user, startsAt + turn * everyMs);
  }

  /** The first `count` of what was planned have been made. */
  made(count: number): void {
    for (let change = this.#firstPlanned; change < this.#firstPlanned + count; change++) {
      this.#newest[this.#owners[change] ?? 0] = change;
    }
  }

  /** From here on changes are measured. */
  measure(): void {
    this.#measuredFrom = this.#last + 1;
    this.latencies.clear();
    this.delivered = 0;
  }

  /** The viewer knows nothing any more. */
  forget(viewer: number): void {
    this.#seen.fill(0, this.graph.offsets[viewer], this.graph.offsets[viewer + 1]);
  }

  /** Reads one frame to a viewer. `live`: the viewer has their whole roster, so that what comes now is news. */
  read(viewer: number, bytes: Buffer, start: number, end: number, live: boolean): Arrival {
    let entries = 0;
    let first = 0;
    let at = start;
    for (;;) {
      while (at < end && bytes[at] !== FENCE) at += 1;
      if (at >= end) break;
      at += 1;
      let change = 0;
      for (let digit = bytes[at] ?? FENCE; digit !== FENCE && at < end; digit = bytes[++at] ?? FENCE) {
        change = change * 10 + digit - ZERO;
      }
      at += 1;
      entries += 1;
      if (this.#arrived(viewer, change, live)) first += 1;
    }
    if (entries > 0 && ++this.#frames % CHECK_EVERY === 0)
      this.#checkOwners(bytes.toString('utf8', start, end), entries);
    this.#arrival.entries = entries;
    this.#arrival.first = first;
    return this.#arrival;
  }

  /** The same object each time, for it is filled hundreds of thousands of times a second. */
  readonly #arrival: Arrival = { entries: 0, first: 0 };

  /** How many pairs of these viewers do not show the friend's last change yet. */
  missing(viewers: Iterable<number>): number {
    let missing = 0;
    for (const viewer of viewers) {
      const from = this.graph.offsets[viewer] ?? 0;
      const to = this.graph.offsets[viewer + 1] ?? 0;
      for (let place = from; place < to; place++) {
        if (this.#seen[place] !== this.#newest[this.graph.friends[place] ?? 0]) missing += 1;
      }
    }
    return missing;
  }

  /** Throws when something arrived that never should have. */
  check(): void {
    if (this.#fault !== null) throw new Error(this.#fault);
  }

  #checkOwners(frame: string, entries: number): void {
    const shown = [...frame.matchAll(ENTRY)];
    const wrong = shown.find(([, user, change]) => this.#owners[Number(change)] !== Number(user));
    if (wrong || shown.length !== entries)
      this.#fault ??= `a frame shows changes with others' names: ${frame.slice(0, 500)}`;
  }

  /** Whether this viewer was shown the friend for the first time. */
  #arrived(viewer: number, change: number, live: boolean): boolean {
    if (change < 1 || change > this.#last) {
      this.#fault ??= `user ${viewer} was shown change ${change}, which nobody made`;
      return false;
    }
    const place = this.graph.place(viewer, this.#owners[change] ?? 0);
    if (place < 0) {
      this.#fault ??= `user ${viewer} was shown user ${this.#owners[change]}, who is no friend`;
      return false;
    }
    const before = this.#seen[place] ?? 0;
    if (change < before) {
      this.wentBack += 1;
      return false;
    }
    if (change === before) return false;
    this.#seen[place] = change;
    if (live && change >= this.#measuredFrom) {
      this.delivered += 1;
      this.latencies.add(performance.now() - (this.#sentAt[change] ?? 0));
    }
    return before === 0;
  }

  #add(user: number, sentAt: number): number {
    const change = ++this.#last;
    if (change === this.#owners.length) this.#grow();
    this.#owners[change] = user;
    this.#sentAt[change] = sentAt;
    return change;
  }

  #grow(): void {
    const owners = new Int32Array(2 * this.#owners.length);
    const sentAt = new Float64Array(2 * this.#sentAt.length);
    owners.set(this.#owners);
    sentAt.set(this.#sentAt);
    this.#owners = owners;
    this.#sentAt = sentAt;
  }
}

/** What one frame brought. */
export interface Arrival {
  /** How many friends' states. */
  entries: number;
  /** How many of these friends the viewer had not been shown before. */
  first: number;
}
