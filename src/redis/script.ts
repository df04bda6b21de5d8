import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, type Redis } from 'ioredis';
import type { Millis } from '../presence/time.ts';
import { isReply } from './failure.ts';
import type { RedisConnection } from './redis-connection.ts';

/**
 * One Lua script. Its file name ends in the number of its keys, `commit-5.lua`, or in `-n` where that varies. The file
 * is read when this is constructed. Scripts must bear being run twice: see RedisConnection.call.
 */
export class Script {
  readonly name: string;
  readonly #source: string;
  readonly #sha: string;
  readonly #keyCount: number | null;

  /** `new Script(new URL('./lua/commit-5.lua', import.meta.url))`. Throws when there is no such file. */
  constructor(file: URL) {
    const path = fileURLToPath(file);
    const [, name, keyCount] = /^(.+)-(\d+|n)\.lua$/.exec(basename(path)) ?? [];
    if (name === undefined) throw new Error(`The name of ${path} must end in its number of keys, or in -n.`);
    this.name = name;
    this.#source = readFileSync(path, 'utf8');
    this.#sha = createHash('sha1').update(this.#source).digest('hex');
    this.#keyCount = keyCount === 'n' ? null : Number(keyCount);
  }

  /**
   * Runs it; Redis is sent the source only when it does not know the script. Rejects as RedisConnection.call does, which
   * also says what `patienceMs` is.
   */
  run(
    connection: RedisConnection,
    keys: readonly string[],
    args: readonly (string | number)[],
    patienceMs?: Millis,
  ): Promise<unknown> {
    if (this.#keyCount !== null && keys.length !== this.#keyCount) {
      throw new TypeError(`Script ${this.name} takes ${this.#keyCount} keys, not ${keys.length}.`);
    }
    return connection.call(keys[0] ?? '', (redis) => this.runOn(redis, keys, args), patienceMs);
  }

  /**
   * The same, sent by itself and at once, past what gathers all that is sent in one turn of the event loop and lets it wait
   * for what was sent before: for who has gathered already.
   */
  runAtOnce(
    connection: RedisConnection,
    keys: readonly string[],
    args: readonly (string | number)[],
  ): Promise<unknown> {
    return connection.call(keys[0] ?? '', (redis) =>
      this.#run(redis, keys, args, (script) => {
        const command = new Command('evalsha', [script, keys.length, ...keys, ...args], { replyEncoding: 'utf8' });
        redis.sendCommand(command);
        return command.promise;
      }),
    );
  }

  /** The same over one connection of ioredis; rejects with what that rejects with. */
  runOn(redis: Redis, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    return this.#run(redis, keys, args, (script) => redis.evalsha(script, keys.length, ...keys, ...args));
  }

  async #run(
    redis: Redis,
    keys: readonly string[],
    args: readonly (string | number)[],
    run: (script: string) => Promise<unknown>,
  ): Promise<unknown> {
    try {
      return await run(this.#sha);
    } catch (error) {
      if (!isReply(error) || !error.message.startsWith('NOSCRIPT')) throw error;
      return await redis.eval(this.#source, keys.length, ...keys, ...args);
    }
  }
}
