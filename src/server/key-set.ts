import { createLocalJWKSet, type JSONWebKeySet } from 'jose';
import { type RollcallError, unavailable } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Millis } from '../presence/time.ts';
import { downloadText } from './download.ts';

/** How often the set is fetched while all is well, but for up to a tenth less, so that nodes do not ask in step. */
export const REFRESH_MS = 300_000;
/** After a fetch that failed the next one follows after this, and after twice as long each time up to the second. */
const FIRST_RETRY_MS = 500;
export const LAST_RETRY_MS = 10_000;
/** A token whose key is not in the set has it fetched again, but not sooner than this after the last fetch. */
export const COOLDOWN_MS = 10_000;
/** For how long a set is good that cannot be fetched again. */
export const KEEP_MS = 3_600_000;
/** How long a fetch may take, from the first byte to the last. */
export const FETCH_TIMEOUT_MS = 5_000;
/** A set may be this long, in bytes as they come out of whatever compression; common ones have less than 20 KiB. */
export const MAX_SET_BYTES = 262_144;
/** A set that stays out of reach is told of again each time that this many attempts have failed: about every 5 minutes. */
const LOG_EVERY = 30;

/** The set as it was fetched; another object when another set was. */
export interface Keys {
  /** Picks the key for a token, in the form that `jwtVerify` takes. */
  readonly find: ReturnType<typeof createLocalJWKSet>;
  /** Changes when a key is no longer in the set: then what was verified before may not be valid any more. */
  readonly withdrawals: number;
}

/**
 * The public keys at an address, fetched at once and again and again until it is closed. What cannot be fetched, or is
 * no set with a key in it, leaves the keys that are known as they are; they are good for KEEP_MS after they were fetched last.
 * However many tokens come, one fetch is under way at most.
 */
export class KeySet {
  readonly #url: string;
  readonly #log: Logger;
  #text: string | null = null;
  #keys: Keys | null = null;
  /** By a clock that never runs back, as all spans here. */
  #fetchedAt = Number.NEGATIVE_INFINITY;
  #triedAt = Number.NEGATIVE_INFINITY;
  #failures = 0;
  /** Whether the log was told last that nobody can sign in. */
  #toldUseless = false;
  #pending: Promise<void> | null = null;
  #next: NodeJS.Timeout | null = null;
  readonly #closing = new AbortController();

  constructor(url: string, log: Logger) {
    this.#url = url;
    this.#log = log;
    void this.#fetch();
  }

  /** The keys that may be used now; null where there are none, or none that are fresh enough. */
  get current(): Keys | null {
    return performance.now() - this.#fetchedAt < KEEP_MS ? this.#keys : null;
  }

  /** The keys that may be used now, after the fetch that is under way if it takes that. Rejects with UNAVAILABLE. */
  async keys(): Promise<Keys> {
    if (this.current === null) await this.#pending;
    if (this.current === null) throw outOfReach();
    return this.current;
  }

  /**
   * To be asked when a token's key is not among `known`: keys that are newer, or null when there are none, so that nobody
   * has signed the token. Rejects with UNAVAILABLE while that cannot be known.
   */
  async newerThan(known: Keys): Promise<Keys | null> {
    const coolingDown = performance.now() - this.#triedAt < COOLDOWN_MS;
    if (this.#keys === known) await (coolingDown || this.#failures > 0 ? this.#pending : this.#fetch());
    const current = await this.keys();
    if (current !== known) return current;
    if (this.#failures > 0 || this.#closing.signal.aborted) throw outOfReach();
    return null;
  }

  /** Idempotent. Who still waits for keys is told UNAVAILABLE. */
  close(): void {
    if (this.#next !== null) clearTimeout(this.#next);
    this.#closing.abort();
  }

  /** Never rejects. */
  #fetch(): Promise<void> {
    this.#pending ??= this.#attempt().finally(() => {
      this.#pending = null;
      if (!this.#closing.signal.aborted) this.#schedule();
    });
    return this.#pending;
  }

  #schedule(): void {
    if (this.#next !== null) clearTimeout(this.#next);
    const retryMs = Math.min(FIRST_RETRY_MS * 2 ** (this.#failures - 1), LAST_RETRY_MS);
    const waitMs = this.#failures > 0 ? retryMs : REFRESH_MS * (1 - Math.random() / 10);
    this.#next = setTimeout(() => void this.#fetch(), waitMs);
    this.#next.unref();
  }

  async #attempt(): Promise<void> {
    const startedAt = performance.now();
    this.#triedAt = startedAt;
    try {
      const options = { maxBytes: MAX_SET_BYTES, timeoutMs: FETCH_TIMEOUT_MS, signal: this.#closing.signal };
      const text = await downloadText(this.#url, options);
      if (text !== this.#text) this.#keys = readKeys(text, this.#keys);
      this.#text = text;
      // What was true when it was asked for: the answer may have taken its time.
      this.#fetchedAt = startedAt;
      if (this.#failures > 0) this.#log.info({}, `${this.#what()} can be fetched again.`);
      this.#failures = 0;
      this.#toldUseless = false;
    } catch (error) {
      if (this.#closing.signal.aborted) return;
      this.#failures++;
      const useless = this.current === null;
      if (useless !== this.#toldUseless || this.#failures === 1 || this.#failures % LOG_EVERY === 0) this.#tell(error);
      this.#toldUseless = useless;
    }
  }

  #tell(error: unknown): void {
    const why = error instanceof Error ? error.message : String(error);
    const then = this.current === null ? 'nobody can sign in' : `those known are good for ${this.#goodFor()} more`;
    this.#log.warn({}, `${this.#what()} cannot be fetched (${why}); ${then}.`);
  }

  #goodFor(): string {
    const leftMs: Millis = Math.max(0, this.#fetchedAt + KEEP_MS - performance.now());
    return `${Math.ceil(leftMs / 60_000)} min`;
  }

  /** Nothing of the address but its host: what is behind that may be a secret. */
  #what(): string {
    return `The key set at ${new URL(this.#url).host}`;
  }
}

export function outOfReach(): RollcallError {
  return unavailable('The keys that tokens are checked with are out of reach; try again.');
}

/** Throws Error with a few words for the operator when it is no set that anybody could sign in with. */
function readKeys(text: string, before: Keys | null): Keys {
  let set: unknown;
  try {
    set = JSON.parse(text);
  } catch {
    throw new Error('the answer is not JSON');
  }
  if (!isKeySet(set)) throw new Error('the answer is not a JSON Web Key Set');
  if (set.keys.length === 0) throw new Error('the set holds no key');
  const find = createLocalJWKSet(set);
  const held = new Set(set.keys.map((key) => JSON.stringify(key)));
  const withdrawn = before?.find.jwks().keys.some((key) => !held.has(JSON.stringify(key))) ?? false;
  return { find, withdrawals: (before?.withdrawals ?? 0) + (withdrawn ? 1 : 0) };
}

function isKeySet(value: unknown): value is JSONWebKeySet {
  if (typeof value !== 'object' || value === null || !('keys' in value) || !Array.isArray(value.keys)) return false;
  return value.keys.every((key: unknown) => typeof key === 'object' && key !== null && !Array.isArray(key));
}
