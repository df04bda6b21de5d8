import { setTimeout as delay } from 'node:timers/promises';
import { unavailable } from '../errors.ts';
import type { UserId } from '../presence/record.ts';
import type { Millis, Revision } from '../presence/time.ts';
import { Arrivals } from './arrivals.ts';
import { type Head, NO_HEAD, parseHead } from './head.ts';
import { fromText } from './partitions.ts';
import type { RedisConnection } from './redis-connection.ts';
import type { Script } from './script.ts';
import { within } from './within.ts';

/** Where a published change stands in its partition. */
export interface Change {
  readonly epoch: string;
  /** One more than that of the change before. */
  readonly seq: number;
  readonly rev: Revision;
}

/** As PresenceListener in store/port.ts has it. */
export interface PartitionListener<C extends Change> {
  changed(change: C): void;
  missed(userIds: readonly UserId[] | null): void;
  lost(): void;
  restored(): void;
}

/** How the keys and the channel of a partition are called. */
export interface ChannelNames {
  key(partition: number, kind: 'head' | 'log'): string;
  channel(partition: number): string;
}

export interface ChannelContext<C extends Change> {
  readonly connection: RedisConnection;
  readonly partitions: ChannelNames;
  readonly readLog: Script;
  /** Throws for a message that is none of ours. */
  parse(message: string): C;
  /** A channel that was lost is subscribed again: it waits for `recover`. */
  resubscribed(): void;
  /** The channels of which it is being read what was missed. */
  readonly repairing: Set<unknown>;
}

type Position = Pick<Head, 'epoch' | 'seq' | 'rev'>;

const RETRY_MS: Millis = 250;
/** How long somebody may be kept waiting for what was missed. */
const PATIENCE_MS: Millis = 5_000;

/**
 * One partition's changes, whole. Pub/sub may lose messages; their count shows it, and the change log names whom to
 * load again. Everything up to `#position` has been told: as a change, or as missed.
 */
export class PartitionChannel<C extends Change> {
  readonly #context: ChannelContext<C>;
  readonly #partition: number;
  readonly #listeners = new Set<{ readonly listener: PartitionListener<C> }>();
  readonly #arrivals = new Arrivals<Position>();
  #standing: 'opening' | 'live' | 'lost' | 'closed' = 'opening';
  /** Null until the baseline has been read. */
  #position: Position | null = null;
  #opened: Promise<void>;
  #recovered: Promise<void> = Promise.resolve();
  #unsubscribe: (() => Promise<void>) | null = null;
  #subscribed = true;
  #joining = 0;
  /** Counts the losses of the connection, so that what began before one does not end after it. */
  #outages = 0;
  #repairing: Promise<boolean> | null = null;
  /** The log has to be read once more. */
  #again = false;
  /** What the store itself has lost is in no log. */
  #everything = false;
  /** Messages that came while the log was read: they count from what it said. */
  #meanwhile: Change[] = [];

  constructor(context: ChannelContext<C>, partition: number) {
    this.#context = context;
    this.#partition = partition;
    this.#opened = this.#open();
    // Whoever joins is told; between two that join, nobody is.
    this.#opened.catch(() => undefined);
  }

  /** Nobody listens or is about to. */
  get idle(): boolean {
    return this.#listeners.size === 0 && this.#joining === 0;
  }

  get live(): boolean {
    return this.#standing === 'live';
  }

  /** Null before anything is known. */
  get position(): Position | null {
    return this.#position;
  }

  /** Resolves with what ends it; every change published from then on is told. Rejects UNAVAILABLE. */
  async join(listener: PartitionListener<C>): Promise<() => void> {
    const entry = { listener };
    this.#joining += 1;
    try {
      await this.#opened;
      await within(PATIENCE_MS, this.#recovered, undefined);
      if (!this.live) throw unavailable('The store cannot be reached at the moment.');
      this.#listeners.add(entry);
    } finally {
      this.#joining -= 1;
    }
    return () => void this.#listeners.delete(entry);
  }

  /** The connection for commands is gone, or the store is another one. A lost subscription loses the channel by itself. */
  lose(): void {
    if (this.#standing === 'closed') return;
    const told = this.#standing === 'lost';
    this.#standing = 'lost';
    this.#outages += 1;
    this.#arrivals.settle(() => false, true);
    if (!told) this.#tell((listener) => listener.lost());
  }

  /**
   * The store can be read again. `everything`: it may have lost what it had told. Nothing happens where the channel is not
   * lost; where it is not subscribed again yet, `everything` is kept in mind for when it is.
   */
  recover(everything: boolean): void {
    if (this.#standing !== 'lost') return;
    this.#everything ||= everything;
    if (this.#subscribed) this.#recovered = this.#recover();
  }

  /** Whether everything up to `head` has been told, which was read when the channel stood at `before` or later. */
  hasTold(head: Position, before: Position): boolean {
    return this.live && continues(before, head) && this.#isAt(head);
  }

  /**
   * Resolves when `hasTold` or when nobody listens any more. Rejects UNAVAILABLE when the connection is lost first.
   */
  async reach(head: Position, before: Position): Promise<void> {
    await within(PATIENCE_MS, this.#recovered, undefined);
    if (continues(before, head) && (await this.#arrival(head))) return;
    const wentBack = head.epoch === before.epoch && head.seq < before.seq;
    if (this.live && (await within(PATIENCE_MS, this.#repair(wentBack), false))) return;
    if (this.#standing !== 'closed') throw unavailable('The store cannot be reached at the moment.');
  }

  /** Idempotent; never rejects. Nobody is told anything any more. */
  async close(): Promise<void> {
    this.#standing = 'closed';
    this.#listeners.clear();
    this.#arrivals.settle(() => false, true);
    const unsubscribe = this.#unsubscribe;
    this.#unsubscribe = null;
    await unsubscribe?.();
  }

  async #open(): Promise<void> {
    const { connection, partitions } = this.#context;
    const unsubscribe = await connection.subscriber.subscribe(partitions.channel(this.#partition), {
      message: (text) => this.#receive(text),
      lost: () => {
        this.#subscribed = false;
        this.lose();
      },
      // There may be something to check before what was missed is read.
      resubscribed: () => {
        this.#subscribed = true;
        this.#context.resubscribed();
      },
    });
    this.#unsubscribe = unsubscribe;
    // Read after the acknowledgement: whatever this does not count will arrive as a message.
    const known = this.#standing === 'opening' && (await this.#repair(false));
    if (known && this.#standing === 'opening') {
      this.#standing = 'live';
      return;
    }
    await this.close();
    throw unavailable('The store cannot be reached at the moment.');
  }

  async #recover(): Promise<void> {
    const outage = this.#outages;
    while (!(await this.#repair(false))) if (this.#isOver(outage)) return;
    if (this.#isOver(outage)) return;
    this.#standing = 'live';
    this.#tell((listener) => listener.restored());
  }

  #receive(text: string): void {
    let change: C;
    try {
      change = this.#context.parse(text);
    } catch (error) {
      this.#context.connection.log.error({ err: error, partition: this.#partition }, 'a change cannot be read');
      this.#repairSoon();
      return;
    }
    if (this.#repairing) this.#meanwhile.push(change);
    else if (this.live && !this.#advance(change)) this.#repairSoon();
    // Not before it is known whether anything before it is missing: see `unbroken` of the channels.
    this.#tell((listener) => listener.changed(change));
    this.#arrivals.settle((head) => this.#isAt(head), !this.live);
  }

  /** False when something before the change is missing. */
  #advance({ epoch, seq, rev }: Change): boolean {
    const { epoch: known, seq: last, rev: lastRev } = this.#position ?? NO_HEAD;
    if (known !== '' && epoch !== known) return false;
    if (seq <= last) {
      // Later than what was counted before it: the store has lost what it told us, and counts on from less.
      if (rev > lastRev) this.#everything = true;
      return rev <= lastRev;
    }
    if (seq > last + 1) return false;
    this.#position = { epoch, seq, rev };
    return true;
  }

  #repairSoon(): void {
    // Without a connection, `recover` will do it. It never rejects.
    if (this.#standing !== 'lost' && this.#standing !== 'closed') void this.#repair(false);
  }

  /** Tells what was missed and moves on to where the partition stands. False when the connection was lost meanwhile. */
  #repair(everything: boolean): Promise<boolean> {
    this.#everything ||= everything;
    this.#again = true;
    this.#repairing ??= this.#run();
    return this.#repairing;
  }

  async #run(): Promise<boolean> {
    const outage = this.#outages;
    this.#context.repairing.add(this);
    try {
      while (this.#again) {
        this.#again = false;
        this.#meanwhile = [];
        try {
          const { head, missed } = await this.#readMissed();
          if (this.#isOver(outage)) return false;
          this.#moveTo(head, missed);
        } catch (error) {
          // Who opens is told at once, and may try again.
          if (this.#isOver(outage) || this.#standing === 'opening') return false;
          this.#context.connection.log.warn(
            { err: error, partition: this.#partition },
            'what was missed cannot be read; trying on',
          );
          await delay(RETRY_MS, undefined, { ref: false });
          if (this.#isOver(outage)) return false;
          this.#again = true;
        }
      }
      return true;
    } finally {
      this.#repairing = null;
      this.#context.repairing.delete(this);
    }
  }

  async #readMissed(): Promise<{ head: Head; missed: UserId[] | null }> {
    const { connection, partitions, readLog } = this.#context;
    const head = partitions.key(this.#partition, 'head');
    if (this.#position === null) {
      // Who has been told nothing yet has missed nothing.
      return { head: parseHead(await connection.call(head, (redis) => redis.get(head))), missed: [] };
    }
    const { epoch, seq } = this.#position;
    const reply = await readLog.run(connection, [head, partitions.key(this.#partition, 'log')], [epoch, seq]);
    // The script's own header says so.
    const [text, users] = reply as [string, string[] | null];
    return { head: parseHead(text), missed: users === null ? null : users.map(fromText) };
  }

  #moveTo(head: Head, missed: readonly UserId[] | null): void {
    const told = this.#everything ? null : missed;
    this.#everything = false;
    if (told === null || told.length > 0) this.#tell((listener) => listener.missed(told));
    this.#position = { epoch: head.epoch, seq: head.seq, rev: head.rev };
    for (const change of this.#meanwhile) if (!this.#advance(change)) this.#again = true;
    this.#meanwhile = [];
    this.#arrivals.settle((awaited) => this.#isAt(awaited), !this.live);
  }

  #isOver(outage: number): boolean {
    return this.#standing === 'closed' || this.#outages !== outage;
  }

  #isAt(head: Position): boolean {
    const at = this.#position ?? NO_HEAD;
    return at.epoch === head.epoch && at.seq >= head.seq;
  }

  /** Whether the messages up to `head` arrive within the time that they may take. */
  #arrival(head: Position): Promise<boolean> {
    if (!this.live || this.#isAt(head)) return Promise.resolve(this.live);
    return this.#arrivals.of(head);
  }

  #tell(call: (listener: PartitionListener<C>) => void): void {
    for (const { listener } of this.#listeners) {
      try {
        call(listener);
      } catch (error) {
        this.#context.connection.log.error({ err: error, partition: this.#partition }, 'a listener threw');
      }
    }
  }
}

/** Whether what stood at `before` can stand at `head` later on. Otherwise the store has lost what it told. */
function continues(before: Position, head: Position): boolean {
  return before.epoch === '' || (before.epoch === head.epoch && before.seq <= head.seq);
}
