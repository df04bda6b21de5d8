import { hash } from 'node:crypto';

/**
 * What tokens that were accepted stand for, so that their signatures are not verified with every request: of so many tokens,
 * those that were used last. It holds their digests, not the tokens: what it remembers signs nobody in.
 */
export class AcceptedTokens<T> {
  readonly #most: number;
  /** In the order of their last use, the oldest first. */
  readonly #byDigest = new Map<string, T>();

  constructor(most: number) {
    this.#most = most;
  }

  get(token: string): T | null {
    const digest = digestOf(token);
    const found = this.#byDigest.get(digest);
    if (found === undefined) return null;
    this.#byDigest.delete(digest);
    this.#byDigest.set(digest, found);
    return found;
  }

  set(token: string, what: T): void {
    this.#byDigest.set(digestOf(token), what);
    if (this.#byDigest.size <= this.#most) return;
    for (const oldest of this.#byDigest.keys()) {
      this.#byDigest.delete(oldest);
      break;
    }
  }

  delete(token: string): void {
    this.#byDigest.delete(digestOf(token));
  }

  clear(): void {
    this.#byDigest.clear();
  }

  get size(): number {
    return this.#byDigest.size;
  }
}

function digestOf(token: string): string {
  return hash('sha256', token, 'base64url');
}
