import { randomBytes } from 'node:crypto';
import { META_KEY, type Partitions } from '../../redis/partitions.ts';
import type { RedisConnection } from '../../redis/redis-connection.ts';
import { Script } from '../../redis/script.ts';

/** The stored data cannot be used with these settings. The message is one line for the operator. */
export class DatasetMismatch extends Error {
  override readonly name = 'DatasetMismatch';
}

/** Which data this is, and which lives of which servers serve it. */
export class Dataset {
  readonly id: string;
  /**
   * Names the data and all that serve it: another name where another server came in or one began a new life, for then
   * something may have been lost that had been told already.
   */
  readonly lineage: string;
  readonly #lives: ReadonlyMap<string, string | null>;
  readonly #homes: readonly (string | null)[];
  readonly #all: ReadonlySet<string | null>;

  /**
   * `lives` by server, null where Redis does not say: another one since the server was started again or became a master,
   * when it may have lost what it had told. `homes` are the servers of the partitions, null where there is none. `unsaid`
   * stands for each life of which nothing is known.
   */
  constructor(
    id: string,
    lives: ReadonlyMap<string, string | null>,
    homes: readonly (string | null)[],
    unsaid: string,
  ) {
    this.id = id;
    this.#lives = lives;
    this.#homes = homes;
    this.#all = new Set(lives.values());
    this.lineage = [id, ...[...this.#all].map((life) => life ?? unsaid).sort()].join(' ');
  }

  /** Null where it is not known. */
  lifeOf(server: string | null): string | null {
    return this.#lives.get(server ?? '') ?? null;
  }

  /** Whether the partition is surely served by the life that served it `before`, or was handed over by it to another. */
  hasKept(partition: number, before: Dataset): boolean {
    const [then, now] = [before.#server(partition), this.#server(partition)];
    return before.id === this.id && then !== null && now !== null && before.#all.has(now) && this.#all.has(then);
  }

  /** Whether the partition is surely not served by what it was served by `before`. */
  hasLost(partition: number, before: Dataset): boolean {
    const silent = before.#server(partition) === null || this.#server(partition) === null;
    return before.id !== this.id || (!silent && !this.hasKept(partition, before));
  }

  #server(partition: number): string | null {
    return this.lifeOf(this.#homes[partition] ?? null);
  }
}

export class DatasetReader {
  readonly #connection: RedisConnection;
  readonly #partitions: Partitions;
  readonly #script = new Script(new URL('./lua/dataset-1.lua', import.meta.url));
  #unsaid = randomBytes(9).toString('base64url');

  constructor(connection: RedisConnection, partitions: Partitions) {
    this.#connection = connection;
    this.#partitions = partitions;
  }

  /** The connection was lost: a server that does not say which life it is in may have begun another one. */
  lose(): void {
    this.#unsaid = randomBytes(9).toString('base64url');
  }

  /**
   * Names the dataset if it is new. Of a server that is out of reach, what was known `before` stands, and where nothing
   * was, it rejects UNAVAILABLE. Rejects with DatasetMismatch where the dataset has another number of partitions.
   */
  async open(before: Dataset | null): Promise<Dataset> {
    const { count } = this.#partitions;
    const [[id, partitions], lives] = await Promise.all([this.#readMeta(), this.#readLives(before)]);
    if (partitions !== String(count)) {
      throw new DatasetMismatch(
        `The data in Redis is spread over ${partitions} partitions, not ${count}: use that number, or another database.`,
      );
    }
    return new Dataset(id, lives, this.#homes(), this.#whatIsUnsaid());
  }

  /** As `open`, without naming what has no name. Without `before` it rejects UNAVAILABLE where any server does not answer. */
  async peek(before: Dataset | null): Promise<Dataset> {
    const [id, lives] = await Promise.all([
      this.#connection.call(META_KEY, (redis) => redis.hget(META_KEY, 'dataset')),
      this.#readLives(before),
    ]);
    return new Dataset(id ?? '', lives, this.#homes(), this.#whatIsUnsaid());
  }

  async #readMeta(): Promise<[id: string, partitions: string]> {
    const args = [randomBytes(9).toString('base64url'), this.#partitions.count];
    try {
      // The script's own header says so.
      return (await this.#script.run(this.#connection, [META_KEY], args)) as [string, string];
    } catch (error) {
      if (!(error instanceof Error) || !error.message.includes('WRONGTYPE')) throw error;
      throw new DatasetMismatch(
        `The key ${META_KEY} in Redis is none of Rollcall's: remove what uses it, or choose another database.`,
      );
    }
  }

  /** Of a cluster single masters come and go. */
  #whatIsUnsaid(): string {
    return `${this.#unsaid} ${this.#connection.changes}`;
  }

  #homes(): (string | null)[] {
    return Array.from({ length: this.#partitions.count }, (_, partition) =>
      this.#connection.serverOf(this.#partitions.key(partition, 'head')),
    );
  }

  async #readLives(before: Dataset | null): Promise<Map<string, string | null>> {
    const lives = new Map<string, string | null>();
    const read = async (server: string): Promise<void> => {
      try {
        lives.set(server, await this.#lifeOf(server));
      } catch (error) {
        const known = before?.lifeOf(server) ?? null;
        if (known === null) throw error;
        lives.set(server, known);
      }
    };
    await Promise.all(this.#connection.servers().map(read));
    return lives;
  }

  async #lifeOf(server: string): Promise<string | null> {
    const sections = await Promise.all(['server', 'replication'].map((section) => this.#info(server, section)));
    const run = /^run_id:(\w+)/m.exec(sections[0] ?? '')?.[1];
    const history = /^master_replid:(\w+)/m.exec(sections[1] ?? '')?.[1];
    return run === undefined || history === undefined ? null : `${run} ${history}`;
  }

  async #info(server: string, section: string): Promise<string> {
    try {
      return await this.#connection.ask(server, (redis) => redis.info(section));
    } catch (error) {
      // Hosted services may forbid the command.
      if (error instanceof Error && error.message.startsWith('NOPERM')) return '';
      throw error;
    }
  }
}
