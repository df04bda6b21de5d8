/** What can be asked for a sign of life. */
export interface Checked {
  check(roundMs: number): void;
}

/** In how many groups the checks of one round are spread over it. */
const GROUPS = 12;

/** Checks each member once a round, a group at a time: one timer for all, and no burst when there are many. */
export class KeepAlive {
  readonly #groups: readonly Set<Checked>[] = Array.from({ length: GROUPS }, () => new Set());
  readonly #roundMs: number;
  readonly #timer: NodeJS.Timeout;
  #added = 0;
  #next = 0;

  constructor(roundMs: number) {
    this.#roundMs = roundMs;
    this.#timer = setInterval(() => this.#turn(), roundMs / GROUPS);
    this.#timer.unref();
  }

  add(member: Checked): void {
    this.#groups[this.#added++ % GROUPS]?.add(member);
  }

  remove(member: Checked): void {
    for (const group of this.#groups) if (group.delete(member)) return;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #turn(): void {
    for (const member of this.#groups[this.#next++ % GROUPS] ?? []) member.check(this.#roundMs);
  }
}
