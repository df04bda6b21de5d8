import type { LimitsConfig } from '../config.ts';
import { limitExceeded, type RollcallError, rateLimited } from '../errors.ts';
import type { Clock, Millis } from '../presence/time.ts';

/** How many things of one kind somebody may hold at once, and how many they do. */
export class Allowance {
  readonly #most: number | null;
  readonly #message: string;
  /** Whoever holds none is in here no more. */
  readonly #held = new Map<string, number>();

  /** `most` of null: any number. `message` is what is said to whoever asks for one more. */
  constructor(most: number | null, message: string) {
    this.#most = most;
    this.#message = message;
  }

  /** Else nothing that was taken needs to be given back. */
  get limited(): boolean {
    return this.#most !== null;
  }

  /** Null when it was given, and must be given back once; else LIMIT_EXCEEDED, for it was not. */
  take(holder: string): RollcallError | null {
    if (this.#most === null) return null;
    const held = this.#held.get(holder) ?? 0;
    if (held >= this.#most) return limitExceeded(this.#message);
    this.#held.set(holder, held + 1);
    return null;
  }

  giveBack(holder: string): void {
    const left = (this.#held.get(holder) ?? 0) - 1;
    if (left > 0) this.#held.set(holder, left);
    else this.#held.delete(holder);
  }
}

/** Over which a rate is counted. */
const WINDOW_MS = 1_000;

/** How much each of many may begin within a second, by a clock that is handed in. */
export class Rate {
  readonly #most: number;
  readonly #message: string;
  readonly #clock: Clock;
  #since: Millis = 0;
  /** Whoever has begun anything in this second. */
  #begun = new Map<string, number>();

  constructor(most: number, message: string, clock: Clock) {
    this.#most = most;
    this.#message = message;
    this.#clock = clock;
  }

  /** Null when it may begin; else RATE_LIMITED, with the time until the next second. */
  begin(who: string): RollcallError | null {
    const now = this.#clock.now();
    if (now >= this.#since + WINDOW_MS || now < this.#since) {
      this.#since = now;
      this.#begun = new Map();
    }
    const begun = this.#begun.get(who) ?? 0;
    if (begun >= this.#most) return rateLimited(this.#message, this.#since + WINDOW_MS - now);
    this.#begun.set(who, begun + 1);
    return null;
  }
}

/** What the clients of one node share out among themselves, each their own. */
export interface Limits {
  readonly config: LimitsConfig;
  /** WebSockets and event streams, by user id. */
  readonly perUser: Allowance;
  /** The same, by network address. */
  readonly perAddress: Allowance;
  /** Operations, by user id. */
  readonly operations: Rate;
}

export function createLimits(config: LimitsConfig, clock: Clock): Limits {
  const { connectionsPerUser, connectionsPerAddress, operationsPerSecond } = config;
  return {
    config,
    perUser: new Allowance(
      connectionsPerUser,
      `One user can have at most ${connectionsPerUser} connections to this node at once.`,
    ),
    perAddress: new Allowance(
      connectionsPerAddress,
      `One address can have at most ${connectionsPerAddress} connections to this node at once.`,
    ),
    operations: new Rate(
      operationsPerSecond,
      `One user can begin at most ${operationsPerSecond} operations a second at this node.`,
      clock,
    ),
  };
}
