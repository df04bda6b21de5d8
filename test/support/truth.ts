import { Fact } from './fact.ts';
import { Life, type PresenceStatus } from './life.ts';

/** One friend as a stream or a query shows them. */
export interface Shown {
  readonly status: PresenceStatus;
  /** By the store's clock, ms. */
  readonly since: number | null;
  readonly text: string | null;
}

/** One state of one friend, as it arrived. */
export interface Sighting extends Shown {
  readonly viewer: string;
  readonly friend: string;
  readonly at: number;
  /** The server said that it may be behind. */
  readonly stale: boolean;
}

/** How long a change that has been answered may take to every stream while nothing is broken, ms. */
export const DELIVERY_MS = 2_000;
/** How long to wait before judging: the proof of somebody's life may be on its way still, ms. */
const JUDGE_AFTER_MS = 2_500;
const REMEMBER_MS = 60_000;
const HISTORY = 20_000;

/** What may be counted of a run besides what is wrong. */
export interface Tally {
  frames: number;
  states: number;
  /** A friend shown once more just as they were shown last: allowed. */
  repeats: number;
  resets: number;
  stale: number;
  /** OFFLINE of somebody who was here: by the rules none. */
  falseOffline: number;
}

/**
 * What is true, from the users' side alone, and what was shown of it. It knows the rules of the contract and nothing of
 * how the product works.
 */
export class Truth {
  readonly violations: string[] = [];
  readonly tally: Tally = { frames: 0, states: 0, repeats: 0, resets: 0, stale: 0, falseOffline: 0 };
  readonly #lives = new Map<string, Life>();
  readonly #facts = new Map<string, Fact>();
  readonly #history: string[] = [];
  #waiting: Sighting[] = [];
  /** The store lost what it held: what was shown before may be newer than the truth. */
  lostDataAt = 0;

  life(userId: string): Life {
    return getOrAdd(this.#lives, userId, () => new Life());
  }

  friendship(viewer: string, friend: string): Fact {
    const [a, b] = viewer < friend ? [viewer, friend] : [friend, viewer];
    return getOrAdd(this.#facts, `friends ${a} ${b}`, () => new Fact(false));
  }

  /** Whether `userId` hides from `viewer`, or, for `*`, from everyone. */
  hiding(userId: string, viewer: string): Fact {
    return getOrAdd(this.#facts, `hides ${userId} ${viewer}`, () => new Fact(false));
  }

  /** Whether `viewer` may have been kept from seeing `userId` at some moment between, or may have been able to. */
  #couldBeHidden(hidden: boolean, userId: string, viewer: string, from: number, until: number): boolean {
    const facts = [this.hiding(userId, viewer), this.hiding(userId, '*')];
    return hidden
      ? facts.some((fact) => fact.couldBe(true, from, until))
      : facts.every((fact) => fact.couldBe(false, from, until));
  }

  /** What `viewer` must see of `userId` once all is quiet. */
  isHiddenFrom(viewer: string, userId: string): boolean {
    return this.hiding(userId, viewer).value || this.hiding(userId, '*').value;
  }

  note(event: string): void {
    this.#history.push(`${new Date().toISOString().slice(14)} ${event}`);
    if (this.#history.length > HISTORY) this.#history.splice(0, HISTORY / 10);
  }

  /** The last that happened to all of `users`, and what happened to everybody, the oldest first; at most `lines`. */
  history(users: readonly string[], lines: number): string[] {
    const isAbout = (event: string): boolean => {
      const named = event.match(/\b[\w-]+-(?:viewer|bound|beating)\w*/g) ?? [];
      return named.every((name) => users.includes(name));
    };
    return this.#history.filter(isAbout).slice(-lines);
  }

  wrong(what: string): void {
    this.note(`VIOLATION ${what}`);
    this.violations.push(what);
  }

  /** Takes a state that has just arrived: what can be told at once is, the rest when the proofs are in. */
  saw(sighting: Sighting): void {
    const { viewer, friend, status, at, stale } = sighting;
    this.tally.states++;
    if (!stale) {
      if (!this.friendship(viewer, friend).couldBe(true, at - DELIVERY_MS, at)) {
        this.wrong(`${viewer} was shown ${friend}, who is no friend`);
      }
      if (status !== 'OFFLINE' && !this.#couldBeHidden(false, friend, viewer, at - DELIVERY_MS, at)) {
        this.wrong(`${viewer} was shown ${friend} ${status}, who hides`);
      }
      const { leftAt } = this.life(friend);
      if (status !== 'OFFLINE' && leftAt !== null && leftAt < at - DELIVERY_MS) {
        this.wrong(`${viewer} was shown ${friend} ${status} ${at - leftAt} ms after the end of their sessions`);
      }
    }
    this.#waiting.push(sighting);
  }

  /** Judges what has waited long enough; all of it at the end of a run. */
  judge(all = false): void {
    const before = all ? Number.POSITIVE_INFINITY : Date.now() - JUDGE_AFTER_MS;
    const ripe = this.#waiting.filter(({ at }) => at < before);
    this.#waiting = this.#waiting.filter(({ at }) => at >= before);
    for (const sighting of ripe) this.#judge(sighting);
    if (!all) for (const life of this.#lives.values()) life.forget(Date.now() - REMEMBER_MS);
  }

  #judge(sighting: Sighting): void {
    const why = sighting.status === 'OFFLINE' ? this.#whyNotGone(sighting) : this.#whyNotHere(sighting);
    if (why === null) return;
    const { viewer, friend, status, since, at } = sighting;
    if (status === 'OFFLINE') this.tally.falseOffline++;
    const sinceText = since === null ? 'never' : `${since - at} ms`;
    this.wrong(
      `${viewer} was shown ${friend} ${status} since ${sinceText} at ${new Date(at).toISOString().slice(14)}: ${why}` +
        ` [${this.life(friend).describe(at)}]`,
    );
  }

  #whyNotGone({ viewer, friend, since, at, stale }: Sighting): string | null {
    const life = this.life(friend);
    if (since !== null) {
      const asks = life.asksAt(since);
      if (asks.some(({ kind }) => kind === 'visibility' || kind === 'end')) return null;
      if (this.#couldBeHidden(true, friend, viewer, since, since)) return null;
      if (life.provenAt(since)) return 'they were here';
    }
    const old = since === null || since < at - DELIVERY_MS;
    const visible = !this.#couldBeHidden(true, friend, viewer, at - 2 * DELIVERY_MS, at);
    if (old && visible && !stale && life.provenThrough(at - DELIVERY_MS, at)) return 'that is old, they are here';
    return null;
  }

  #whyNotHere({ viewer, friend, status, since }: Sighting): string | null {
    if (since === null) return 'it has no time';
    const life = this.life(friend);
    if (!life.remembers(since)) return null;
    const asks = life.asksAt(since).filter((ask) => ask.status === status || ask.kind === 'visibility');
    if (asks.some(({ kind }) => kind === 'activity' || kind === 'visibility')) return null;
    if (asks.some(({ kind }) => kind === 'beat') && !life.provenAt(since - 1)) return null;
    if (this.#couldBeHidden(true, friend, viewer, since, since)) return null;
    return 'nothing happened then that could be its cause';
  }
}

function getOrAdd<V>(map: Map<string, V>, key: string, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
