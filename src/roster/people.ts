import { isUnavailable } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { PresenceRecord, UserId } from '../presence/record.ts';
import { lacks } from '../presence/restore.ts';
import { NEVER, type Revision } from '../presence/time.ts';
import { isNewer, type PresenceStore, type Unlisten } from '../store/port.ts';

/** Told of each change of the people that it watches, in the order of their commits, after `record()` has changed. */
export interface Watcher {
  personChanged(userId: UserId, before: PresenceRecord, after: PresenceRecord): void;
}

/** Records, and what the store has lost of them. Both reject UNAVAILABLE where it is out of reach. */
export interface RecordsSource {
  /** With what is remembered of choices that the store has lost: that has been brought back by then. */
  loadAll(userIds: readonly UserId[]): Promise<PresenceRecord[]>;
  /**
   * Brings back into the store what the user has chosen by `known`, where it has lost that. Resolves with the record as it
   * stands then.
   */
  restore(userId: UserId, known: PresenceRecord): Promise<PresenceRecord>;
}

interface Person {
  readonly watchers: Set<Watcher>;
  /** Null until loaded. */
  record: PresenceRecord | null;
  /** The newest that was told before: it may lack a choice of which only what is loaded knows. */
  told: PresenceRecord | null;
  loading: Promise<void> | null;
  /** What the store has lost of what they have chosen is being brought back. */
  restoring: boolean;
}

interface Partition {
  /** How many people in it are watched. */
  people: number;
  readonly listening: Promise<Unlisten>;
}

/** How long to wait before reading again what the store could not give. */
const RELOAD_RETRY_MS = 250;
/** Where revisions are not one order: how long after a change it is asked up to where all have been told. */
const BARRIER_MS = 1_000;

/**
 * The newest known record of everybody who is watched on this node, kept so by listening to their partitions. A person
 * is loaded once, however many watch; what was missed is loaded again.
 */
export class People {
  readonly #store: PresenceStore;
  readonly #log: Logger;
  readonly #people = new Map<UserId, Person>();
  readonly #partitions = new Map<number, Partition>();
  readonly #lost = new Set<number>();
  readonly #records: RecordsSource;
  readonly #onStale: (stale: boolean) => void;
  /** What is being read again, each as its latest attempt stands. */
  readonly #reloads = new Set<{ attempt: Promise<void> }>();
  #stale = false;
  #applied: Revision = NEVER;
  #newestTold: Revision = NEVER;
  /** Null before the first contact. */
  #lineage: string | null = null;
  #barrier: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(store: PresenceStore, log: Logger, records: RecordsSource, onStale: (stale: boolean) => void) {
    this.#store = store;
    this.#log = log;
    this.#records = records;
    this.#onStale = onStale;
  }

  /** The store is out of reach, or what was missed meanwhile has not been read yet. */
  get stale(): boolean {
    return this.#stale;
  }

  /** Every change up to this revision, of people watched, has been applied here. It stands still while changes are missing. */
  get applied(): Revision {
    return this.#applied;
  }

  /** The lineage of what is known: it changes only when all that a new one may have lost has been read again. */
  get lineage(): string {
    return this.#lineage === null || (!this.#stale && this.#store.ready()) ? this.#followLineage() : this.#lineage;
  }

  /** The newest known record; undefined for who is not watched or not loaded yet. */
  record(userId: UserId): PresenceRecord | undefined {
    return this.#people.get(userId)?.record ?? undefined;
  }

  /** Resolves when all of them are known and followed. On failure nobody is watched by this call. */
  async watch(userIds: Iterable<UserId>, watcher: Watcher): Promise<void> {
    const ids = [...userIds];
    const unknown: UserId[] = [];
    for (const id of ids) {
      const person = this.#people.get(id) ?? this.#add(id);
      person.watchers.add(watcher);
      if (person.record === null) unknown.push(id);
    }
    try {
      await Promise.all([...new Set(unknown.map((id) => this.#store.partitionOf(id)))].map((p) => this.#listening(p)));
      await this.#load(unknown);
    } catch (error) {
      this.unwatch(ids, watcher);
      throw error;
    }
  }

  /** Takes over a record that has been read from the store, where that is newer than what is known of who is watched. */
  learn(userId: UserId, record: PresenceRecord): void {
    const person = this.#people.get(userId);
    if (person && isNewer(record, person.record ?? undefined)) this.#apply(userId, person, record);
  }

  unwatch(userIds: Iterable<UserId>, watcher: Watcher): void {
    for (const id of userIds) {
      const person = this.#people.get(id);
      if (!person?.watchers.delete(watcher) || person.watchers.size > 0) continue;
      this.#people.delete(id);
      this.#leave(this.#store.partitionOf(id));
    }
  }

  /**
   * Resolves when everything that was committed before this call, and is watched, has been applied. Rejects UNAVAILABLE
   * where that cannot be read now.
   */
  async catchUp(): Promise<void> {
    const revision = await this.#store.caughtUp();
    await Promise.all([...this.#reloads].map(({ attempt }) => attempt));
    if (this.#whole) this.#applied = Math.max(this.#applied, revision);
    this.#planBarrier();
  }

  /** Idempotent. Ends all listening; watchers are told nothing more. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#barrier);
    const partitions = [...this.#partitions.values()];
    this.#people.clear();
    this.#partitions.clear();
    await Promise.allSettled(partitions.map(async ({ listening }) => (await listening)()));
  }

  #add(id: UserId): Person {
    const person: Person = { watchers: new Set(), record: null, told: null, loading: null, restoring: false };
    this.#people.set(id, person);
    const number = this.#store.partitionOf(id);
    const partition = this.#partitions.get(number);
    if (partition) partition.people += 1;
    else this.#partitions.set(number, { people: 1, listening: this.#listen(number) });
    return person;
  }

  #listen(number: number): Promise<Unlisten> {
    const listening = this.#store.listen(number, {
      changed: (userId, record) => this.#changed(userId, record),
      missed: (userIds) => void this.#reload(number, userIds),
      lost: () => {
        this.#lost.add(number);
        this.#updateStale();
      },
      restored: () => {
        this.#lost.delete(number);
        this.#advance();
        this.#updateStale();
      },
    });
    // Whoever waits for it is told of its failure; this only keeps one that nobody waits for from counting as unhandled.
    listening.catch(() => undefined);
    return listening;
  }

  async #listening(number: number): Promise<void> {
    const partition = this.#partitions.get(number);
    if (!partition) return;
    try {
      await partition.listening;
    } catch (error) {
      // The next one who needs this partition shall try anew.
      if (this.#partitions.get(number) === partition && !this.#closed) {
        this.#partitions.set(number, { people: partition.people, listening: this.#listen(number) });
      }
      throw error;
    }
  }

  #leave(number: number): void {
    const partition = this.#partitions.get(number);
    if (!partition) return;
    partition.people -= 1;
    if (partition.people > 0) return;
    this.#partitions.delete(number);
    this.#lost.delete(number);
    this.#updateStale();
    partition.listening
      .then((unlisten) => unlisten())
      .catch((error: unknown) => this.#log.debug({ err: error, partition: number }, 'could not leave a partition'));
  }

  async #load(ids: readonly UserId[]): Promise<void> {
    const mine: UserId[] = [];
    const waits: Promise<void>[] = [];
    for (const id of ids) {
      const person = this.#people.get(id);
      if (!person || person.record !== null) continue;
      if (person.loading) waits.push(person.loading);
      else mine.push(id);
    }
    if (mine.length > 0) {
      const loading = this.#loadNow(mine);
      for (const id of mine) {
        const person = this.#people.get(id);
        if (person) person.loading = loading;
      }
      waits.push(loading);
    }
    await Promise.all(waits);
  }

  async #loadNow(ids: readonly UserId[]): Promise<void> {
    const people = ids.map((id) => this.#people.get(id));
    try {
      const records = await this.#records.loadAll(ids);
      for (const [index, record] of records.entries()) {
        const person = people[index];
        if (person) this.#loaded(ids[index] ?? '', person, record);
      }
    } finally {
      for (const person of people) if (person) person.loading = null;
    }
  }

  #loaded(userId: UserId, person: Person, record: PresenceRecord): void {
    person.record = record;
    const { told } = person;
    person.told = null;
    if (told && isNewer(told, record)) this.#apply(userId, person, told);
  }

  #changed(userId: UserId, record: PresenceRecord): void {
    this.#newestTold = Math.max(this.#newestTold, record.rev);
    this.#advance();
    this.learn(userId, record);
  }

  /** No change is known to be missing. What arrives between a loss and its reading is no sign of what came before. */
  get #whole(): boolean {
    return this.#lost.size === 0 && this.#reloads.size === 0 && this.#store.unbroken();
  }

  /** What has been told says up to where all have been told only where revisions are one order. */
  #advance(): void {
    if (!this.#store.ordered) this.#planBarrier();
    else if (this.#whole) this.#applied = Math.max(this.#applied, this.#newestTold);
  }

  /** One question for all changes of a while, and none while nothing changes. */
  #planBarrier(): void {
    if (this.#store.ordered || this.#barrier || this.#closed || this.#newestTold <= this.#applied) return;
    this.#barrier = setTimeout(() => {
      this.#barrier = undefined;
      this.catchUp().catch((error: unknown) => {
        this.#log.debug({ err: error }, 'what has been told could not be made sure of; trying on');
        this.#planBarrier();
      });
    }, BARRIER_MS).unref();
  }

  #apply(userId: UserId, person: Person, record: PresenceRecord): void {
    const before = person.record;
    if (before === null) {
      if (isNewer(record, person.told ?? undefined)) person.told = record;
      return;
    }
    if (lacks(record, before)) {
      void this.#bringBack(userId, person);
      return;
    }
    person.record = record;
    for (const watcher of person.watchers) watcher.personChanged(userId, before, record);
  }

  /**
   * The store has lost what is known of somebody's choice. Who has hidden by it stays hidden: what is known is shown until
   * the store knows it again.
   */
  async #bringBack(userId: UserId, person: Person): Promise<void> {
    if (person.restoring) return;
    person.restoring = true;
    try {
      // Also where nobody watches them any more by now: the friend list may be lost as well.
      while (!this.#closed && person.record !== null) {
        try {
          const before = person.record;
          const record = await this.#records.restore(userId, before);
          if (this.#people.get(userId) === person) this.#replace(userId, before, record);
          return;
        } catch (error) {
          if (!isUnavailable(error)) throw error;
          await new Promise((resolve) => setTimeout(resolve, RELOAD_RETRY_MS).unref());
        }
      }
    } catch (error) {
      this.#log.error({ err: error, userId }, 'what the store has lost of a user cannot be brought back');
    } finally {
      person.restoring = false;
    }
  }

  /** Reads again whom changes were missed of, for as long as it takes. */
  async #reload(partition: number, userIds: readonly UserId[] | null): Promise<void> {
    const reload = { attempt: Promise.resolve() };
    this.#reloads.add(reload);
    this.#updateStale();
    try {
      for (;;) {
        const ids = (userIds ?? [...this.#people.keys()]).filter(
          (id) => this.#people.has(id) && this.#store.partitionOf(id) === partition,
        );
        if (this.#closed || ids.length === 0) return;
        try {
          reload.attempt = this.#readAgain(ids);
          await reload.attempt;
          return;
        } catch (error) {
          this.#log.debug({ err: error, partition }, 'reading missed changes again failed; trying on');
          await new Promise((resolve) => setTimeout(resolve, RELOAD_RETRY_MS).unref());
        }
      }
    } finally {
      this.#reloads.delete(reload);
      this.#advance();
      this.#updateStale();
    }
  }

  async #readAgain(ids: readonly UserId[]): Promise<void> {
    const before = ids.map((id) => this.#people.get(id)?.record);
    const records = await this.#store.load(ids);
    for (const [index, id] of ids.entries()) this.#replace(id, before[index], records[index]);
  }

  /** What was read stands, even if older: the store may have lost writes. Only a change told meanwhile is newer. */
  #replace(id: UserId, before: PresenceRecord | null | undefined, record: PresenceRecord | undefined): void {
    const person = this.#people.get(id);
    if (!person || !record) return;
    const untouched = person.record === before;
    if (untouched ? record.rev !== before?.rev : isNewer(record, person.record ?? undefined)) {
      this.#apply(id, person, record);
    }
  }

  #updateStale(): void {
    const stale = this.#lost.size > 0 || (this.#stale && this.#reloads.size > 0);
    if (stale === this.#stale || this.#closed) return;
    this.#stale = stale;
    if (!stale && this.#store.ready()) this.#followLineage();
    this.#onStale(stale);
  }

  #followLineage(): string {
    const lineage = this.#store.lineage();
    // The clock that revisions come from may have run back with it.
    if (this.#lineage !== null && lineage !== this.#lineage) [this.#applied, this.#newestTold] = [NEVER, NEVER];
    this.#lineage = lineage;
    return lineage;
  }
}
