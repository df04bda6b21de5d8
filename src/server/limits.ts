import type { LimitsConfig } from '../config.ts';
import { limitExceeded, type RollcallError } from '../errors.ts';

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

/** What the clients of one node share out among themselves, each their own. */
export interface Limits {
  readonly config: LimitsConfig;
  /** WebSockets and event streams, by user id. */
  readonly perUser: Allowance;
  /** The same, by network address. */
  readonly perAddress: Allowance;
}

export function createLimits(config: LimitsConfig): Limits {
  const { connectionsPerUser, connectionsPerAddress } = config;
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
  };
}
