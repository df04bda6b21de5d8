import type { PresenceRecord, UserId } from '../presence/record.ts';

/**
 * How much is remembered at least of what was used last, in parts: a record is one, and so is each session, override and
 * audience in it. Some 200 bytes each.
 */
const PARTS = 60_000;

/**
 * Records that were used lately, so that a command needs one round trip and not two. Bounded by what they hold, not by
 * how many they are: one may be a thousand times as large as another.
 *
 * There are two halves. What is used goes into the young one; when that is full it becomes the old one, and what the old
 * one held is forgotten. So nothing is moved that is used again and again.
 */
export class Remembered {
  readonly #parts: number;
  #young = new Map<UserId, PresenceRecord>();
  #old = new Map<UserId, PresenceRecord>();
  #youngParts = 0;

  constructor(parts = PARTS) {
    this.#parts = parts;
  }

  get(userId: UserId): PresenceRecord | undefined {
    const young = this.#young.get(userId);
    if (young) return young;
    const old = this.#old.get(userId);
    if (old) this.set(userId, old);
    return old;
  }

  /** Everybody who is remembered, as of now. */
  all(): [UserId, PresenceRecord][] {
    return [...new Map([...this.#old, ...this.#young])];
  }

  set(userId: UserId, record: PresenceRecord): void {
    const before = this.#young.get(userId);
    if (before === record) return;
    this.#young.set(userId, record);
    this.#youngParts += partsOf(record) - (before ? partsOf(before) : 0);
    if (this.#youngParts < this.#parts) return;
    this.#old = this.#young;
    this.#young = new Map();
    this.#youngParts = 0;
  }
}

function partsOf({ sessions, ended, overrides, apart }: PresenceRecord): number {
  let audiences = 0;
  for (const _ in apart) audiences += 1;
  return 1 + sessions.length + ended.length + overrides.length + audiences;
}
