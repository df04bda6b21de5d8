import { unavailable } from '../../errors.ts';
import type { Logger } from '../../log.ts';
import { EMPTY_RECORD, type PresenceRecord, type UserId } from '../../presence/record.ts';
import type { Clock, Millis, Revision } from '../../presence/time.ts';
import { PartitionChannels } from '../../redis/channels.ts';
import { DEFAULT_PARTITIONS, Partitions } from '../../redis/partitions.ts';
import { readKeys } from '../../redis/read-keys.ts';
import type { RedisConnection } from '../../redis/redis-connection.ts';
import type { Commit, CommitResult, NodeLeases, PresenceListener, PresenceStore, Unlisten } from '../port.ts';
import { Committer } from './committer.ts';
import { type Dataset, DatasetMismatch, DatasetReader } from './dataset.ts';
import { DueReader } from './due-reader.ts';
import { type PublishedChange, parsePublished } from './published-change.ts';
import { readRecord } from './record-text.ts';
import { RedisLeases } from './redis-leases.ts';

export interface RedisPresenceStoreOptions {
  readonly logger: Logger;
  /** Over how many partitions users are spread; fixed with the first start on a dataset. */
  readonly partitions?: number;
  /** How many users the change log of a partition holds at least, once it has had so many. */
  readonly logSize?: number;
  /** How often it is made sure that no change was lost unnoticed and that the dataset is still the same, ms. */
  readonly auditMs?: Millis;
}

const LOG_SIZE = 4_096;
const AUDIT_MS = 10_000;
const RETRY_MS = 500;
/** Subscriptions that were lost together come back one after the other. */
const RESUBSCRIBED_MS = 5;

/**
 * Presence in Redis. Every method rejects with UNAVAILABLE until `start` has found the dataset, and whenever Redis
 * cannot be reached; nothing hangs. Several nodes, in as many processes, share one dataset.
 */
export class RedisPresenceStore implements PresenceStore {
  readonly clock: Clock;
  readonly partitions: number;
  readonly gapless = false;
  readonly leases: NodeLeases;
  readonly #connection: RedisConnection;
  readonly #log: Logger;
  readonly #names: Partitions;
  readonly #channels: PartitionChannels<PublishedChange>;
  readonly #datasets: DatasetReader;
  readonly #committer: Committer;
  readonly #due: DueReader;
  readonly #started: Promise<void>;
  readonly #stopEvents: readonly (() => void)[];
  readonly #audit: NodeJS.Timeout;
  #settleStart: { readonly resolve: () => void; readonly reject: (error: Error) => void } | null = null;
  #dataset: Dataset | null = null;
  /** How many changes of the connection `#dataset` is later than. */
  #datasetAt = 0;
  #ready = false;
  /** Counts attempts to open the dataset, so that an old one cannot end after a newer one has begun. */
  #attempts = 0;
  #openFailed = false;
  #retry: NodeJS.Timeout | undefined;
  #reopening: NodeJS.Timeout | undefined;
  #auditing = false;
  #closed = false;

  /** Begins at once; `start` tells when it is ready. The connection is left open by `close`. */
  constructor(connection: RedisConnection, options: RedisPresenceStoreOptions) {
    this.#connection = connection;
    this.#log = options.logger;
    this.clock = connection.clock;
    this.partitions = options.partitions ?? DEFAULT_PARTITIONS;
    this.#names = new Partitions(this.partitions);
    this.#channels = new PartitionChannels(connection, this.#names, parsePublished, () => this.#resubscribed());
    this.#datasets = new DatasetReader(connection, this.#names);
    this.#committer = new Committer(connection, this.#names, options.logSize ?? LOG_SIZE);
    this.#due = new DueReader(connection, this.#names);
    this.leases = new RedisLeases(connection, this.#names, () => this.#mustBeReady());
    this.#started = new Promise((resolve, reject) => {
      this.#settleStart = { resolve, reject };
    });
    // Whoever calls `start` is told; nobody has to.
    this.#started.catch(() => undefined);
    this.#stopEvents = [connection.onReady(() => void this.#open()), connection.onLost(() => this.#lose())];
    this.#audit = setInterval(() => void this.#auditNow(), options.auditMs ?? AUDIT_MS).unref();
    if (connection.ready) void this.#open();
  }

  /**
   * Resolves as soon as Redis has been reached and the dataset is known, however long that takes. Rejects when the
   * dataset has another number of partitions, with one line for the operator, and when the store is closed first.
   */
  start(): Promise<void> {
    return this.#started;
  }

  ready(): boolean {
    return this.#ready;
  }

  whole(): boolean {
    return this.#ready && this.#connection.whole && this.#isKnown;
  }

  async reach(): Promise<boolean> {
    const known = this.#dataset;
    if (!this.#ready || known === null) return false;
    try {
      await this.#compare(known, await this.#datasets.peek(null));
      return this.whole();
    } catch (error) {
      this.#log.debug({ err: error }, 'a part of the store does not answer');
      return false;
    }
  }

  /** Throws UNAVAILABLE before the start. */
  lineage(): string {
    if (this.#dataset === null) throw unavailable('The store has not been reached yet.');
    return this.#dataset.lineage;
  }

  partitionOf(userId: UserId): number {
    return this.#names.of(userId);
  }

  /** A stored record that cannot be read is told to the log and counts as empty here; committing over it rejects. */
  async load(ids: readonly UserId[]): Promise<PresenceRecord[]> {
    this.#mustBeReady();
    const texts = await readKeys(
      this.#connection,
      ids.map((id) => this.#names.keyFor(this.#names.of(id), 'record', id)),
    );
    return texts.map((text, index) => {
      if (text === null) return EMPTY_RECORD;
      try {
        return readRecord(text);
      } catch (error) {
        this.#log.error({ err: error, userId: ids[index] }, 'a stored record cannot be read');
        return EMPTY_RECORD;
      }
    });
  }

  async commit(commit: Commit): Promise<CommitResult> {
    this.#mustBeReady();
    return this.#committer.commit(commit);
  }

  async due(now: Millis, limit: number): Promise<UserId[]> {
    this.#mustBeReady();
    return this.#due.read(now, limit);
  }

  async listen(partition: number, listener: PresenceListener): Promise<Unlisten> {
    this.#mustBeReady();
    if (!Number.isInteger(partition) || partition < 0 || partition >= this.partitions) {
      throw new RangeError(`There is no partition ${partition}.`);
    }
    return this.#channels.listen(partition, {
      changed: ({ id, record }) => listener.changed(id, record),
      missed: (userIds) => listener.missed(userIds),
      lost: () => listener.lost(),
      restored: () => listener.restored(),
    });
  }

  unbroken(): boolean {
    return this.#channels.unbroken;
  }

  async caughtUp(): Promise<Revision> {
    this.#mustBeReady();
    // Who serves a part now may know less than has been told of it already: nobody goes on from there as if it did not.
    if (!this.#isKnown) await this.#open();
    if (!this.#isKnown) throw unavailable('A part of the store was replaced.');
    return this.#channels.caughtUp();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#ready = false;
    clearInterval(this.#audit);
    clearTimeout(this.#retry);
    clearTimeout(this.#reopening);
    for (const stop of this.#stopEvents) stop();
    this.#settleStart?.reject(unavailable('The store is closed.'));
    await this.#channels.close();
  }

  /** Nobody has come or gone since it was found out what serves the data. */
  get #isKnown(): boolean {
    return this.#datasetAt === this.#connection.changes;
  }

  #mustBeReady(): void {
    if (this.#closed) throw unavailable('The store is closed.');
    if (!this.#ready) throw unavailable('The store cannot be reached at the moment.');
  }

  #lose(): void {
    this.#attempts += 1;
    this.#ready = false;
    this.#datasets.lose();
    this.#channels.lose();
  }

  /** A part of the data can be heard again while all others could be used: nobody else tells. */
  #resubscribed(): void {
    if (this.#reopening || !this.#connection.ready) return;
    // What else is resubscribed in the same moment needs no other look.
    this.#reopening = setTimeout(() => {
      this.#reopening = undefined;
      if (!this.#closed && this.#connection.ready) void this.#open();
    }, RESUBSCRIBED_MS);
  }

  /** Redis is in reach: finds out whether it still holds what it held. Never rejects. */
  async #open(): Promise<void> {
    this.#attempts += 1;
    const attempt = this.#attempts;
    const before = this.#dataset;
    const { changes } = this.#connection;
    let dataset: Dataset;
    try {
      dataset = await this.#datasets.open(before);
    } catch (error) {
      if (!this.#closed && attempt === this.#attempts) this.#failToOpen(error);
      return;
    }
    if (this.#closed || attempt !== this.#attempts) return;
    if (before !== null && before.id !== dataset.id) this.#log.warn({}, 'Redis holds other data than before');
    // Told before the lineage is another one, so that nobody takes what they know for part of it.
    if (before !== null) this.#channels.lose((partition) => dataset.hasLost(partition, before));
    this.#dataset = dataset;
    this.#datasetAt = changes;
    this.#openFailed = false;
    this.#ready = true;
    this.#settleStart?.resolve();
    this.#settleStart = null;
    this.#channels.recover((partition) => before === null || !dataset.hasKept(partition, before));
  }

  #failToOpen(error: unknown): void {
    if (error instanceof DatasetMismatch) {
      // Whoever waits for the start says it.
      if (this.#settleStart === null) this.#log.error({}, error.message);
      this.#settleStart?.reject(error);
      this.#settleStart = null;
      return;
    }
    const say = this.#openFailed ? this.#log.debug : this.#log.warn;
    this.#openFailed = true;
    say.call(this.#log, { err: error }, 'the dataset in Redis cannot be read; trying on');
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => {
      if (!this.#closed && this.#connection.ready) void this.#open();
    }, RETRY_MS).unref();
  }

  /** Opens the dataset again where it is not what it was. */
  async #compare(known: Dataset, found: Dataset): Promise<void> {
    if (!this.#ready || this.#dataset !== known) return;
    if (found.id !== known.id) this.#lose();
    if (found.lineage !== known.lineage || !this.#isKnown) await this.#open();
  }

  /**
   * Notices what no event tells: data that were replaced under an open connection, a failover behind an address that
   * stayed, a last message that was lost and to which no other will follow. Never rejects.
   */
  async #auditNow(): Promise<void> {
    if (this.#auditing || !this.#ready || this.#dataset === null) return;
    this.#auditing = true;
    const known = this.#dataset;
    try {
      await this.#compare(known, await this.#datasets.peek(known));
      if (this.#dataset === known) await this.#channels.caughtUp();
    } catch (error) {
      this.#log.debug({ err: error }, 'the audit of the store was cut short; it comes again');
    } finally {
      this.#auditing = false;
    }
  }
}
