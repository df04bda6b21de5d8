import { Redis } from 'ioredis';
import type { PresenceRecord } from '../../src/presence/record.ts';
import { parsePublished } from '../../src/store/redis/published-change.ts';
import { readRecord } from '../../src/store/redis/record-text.ts';
import { PEOPLE } from './model-steps.ts';
import { visible } from './model-watching.ts';

/** Somebody beside all nodes, with a connection that loses nothing, who counts what is published. */
export class Publications {
  readonly #redis: Redis;
  readonly #heard: Redis;
  readonly #seqs = new Map<string, number>();
  readonly #last = new Map<string, PresenceRecord>();
  readonly #wrong: string[] = [];
  count = 0;

  constructor(url: string) {
    this.#redis = new Redis(url);
    // Else it might be asked how it is after it has begun to listen, and be connected anew.
    this.#heard = new Redis(url, { enableReadyCheck: false });
    this.#heard.on('pmessage', (_pattern, channel: string, text: string) => this.#hear(channel, text));
  }

  /** An empty server, followed from now on. */
  async begin(): Promise<void> {
    await this.#redis.flushall();
    this.#seqs.clear();
    this.#last.clear();
    await this.#heard.psubscribe('rollcall:{p*}:changes');
  }

  /** Rule 3: each change that can be seen was published once, nothing else was, and all of them are counted. */
  async mustBeRight(): Promise<void> {
    await this.#heard.ping();
    for (const key of await this.#redis.keys('rollcall:{p*}:head')) {
      const seq = Number((await this.#redis.get(key))?.split(' ')[1]);
      const counted = this.#seqs.get(key.replace(/head$/, 'changes')) ?? 0;
      if (seq !== counted) this.#wrong.push(`rule 5.1: ${key} counts ${seq}, ${counted} were published`);
    }
    for (const user of PEOPLE) {
      const [key] = await this.#redis.keys(`rollcall:{p?}:record:${user.replaceAll(/[[\]?*\\]/g, '\\$&')}`);
      const text = key === undefined ? null : await this.#redis.get(key);
      const stands = text === null ? null : visible(readRecord(text));
      const told = this.#last.has(user) ? visible(this.#last.get(user) ?? null) : null;
      if (stands !== told && !(told === null && stands !== null && isBlank(stands))) {
        this.#wrong.push(`rule 3.1: ${user} stands as ${stands} and was published as ${told}`);
      }
    }
    if (this.#wrong.length > 0) throw new Error(this.#wrong.join('\n'));
  }

  async close(): Promise<void> {
    this.#redis.disconnect();
    this.#heard.disconnect();
  }

  #hear(channel: string, text: string): void {
    const { seq, id, record } = parsePublished(text);
    const before = this.#seqs.get(channel) ?? 0;
    if (seq !== before + 1) this.#wrong.push(`rule 5.1: ${channel} counts ${seq} after ${before}`);
    this.#seqs.set(channel, seq);
    const last = this.#last.get(id);
    if (last && visible(last) === visible(record)) this.#wrong.push(`rule 3.3: published twice: ${text}`);
    if (last && record.rev <= last.rev) this.#wrong.push(`rule 3.7: ${id} went from ${last.rev} to ${record.rev}`);
    this.#last.set(id, record);
    this.count += 1;
  }
}

function isBlank(stands: string): boolean {
  return stands.startsWith('{"sessions":[],"overrides":[],"customStatus":null');
}
