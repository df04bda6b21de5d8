import type { Logger } from '../log.ts';
import type { PresenceRecord, UserId } from '../presence/record.ts';
import { lacks } from '../presence/restore.ts';
import { NEVER, type Revision } from '../presence/time.ts';
import { isNewer, type PresenceStore, type Unlisten } from '../store/port.ts';
import { LostChoices, type Restore } from './lost-choices.ts';
import { type Follower, Person, type Watcher } from './person.ts';

/** Records, and what the store has lost of them. Both reject UNAVAILABLE where it is out of reach. */
export interface RecordsSource {
  /** With what is remembered of choices that the store has lost: that has been brought back by then. */
  loadAll(userIds: readonly UserId[]): Promise<PresenceRecord[]>;
  readonly restore: Restore;
}

interface Partition {
  /** How many people in it are watched. */
  people: number;
  readonly listening: Promise<Unlisten>;
}

/** How long to wait before reading again what the store could not give. */
const RELOAD_RETRY_MS = 250;
/** Of a store that is not gapless: how long after a change it is asked up to where all have been told. */
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
  readonly #lostChoices: LostChoices;
  readonly #onStale: (stale: boolean) => void;
  /** What is being read again, each as its latest attempt stands. */
  readonly #reloads = new Set<{ readonly partition: number; attempt: Promise<void> }>();
  readonly #waiting = new Set<() => void>();
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
    this.#lostChoices = new LostChoices(
      (userId, known) => records.restore(userId, known),
      log,
      (person, before, record) => {
        if (this.#people.get(person.id) === person) this.#replace(person.id, before, record);
      },
    );
    this.#onStale = onStale;
  }

  /** The store is out of reach, or what was missed meanwhile has not been read yet. */
  get stale(): boolean {
    return this.#stale;
  }

  /** The partitions in which changes are known to be missing here. */
  get behind(): ReadonlySet<number> {
    return new Set([...this.#lost, ...[...this.#reloads].map(({ partition }) => partition)]);
  }

  /** Whether this is not stale any more within `ms`. */
  recovers(ms: number): Promise<boolean> {
    if (!this.#stale) return Promise.resolve(true);
    return new Promise((resolve) => {
      const settle = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(settle);
        resolve(!this.#stale);
      };
      const timer = setTimeout(settle, ms);
      this.#waiting.add(settle);
    });
  }

  /** Every change up to this revision, of people watched, has been applied here. It stands still while changes are missing. */
  get applied(): Revision {
    return this.#applied;
  }

  /** The lineage of what is known: it changes only when all that a new one may have lost has been read again. */
  get lineage(): string {
    return this.#lineage === null || (!this.#stale && this.#store.ready()) ? this.#followLineage() : this.#lineage;
  }

  /** Undefined for who is not watched. */
  find(userId: UserId): Person | undefined {
    return this.#people.get(userId);
  }

  /** Resolves with all of them, in their order, when they are known. On failure nobody is watched by this call. */
  async watch(userIds: readonly UserId[], watcher: Watcher): Promise<Person[]> {
    const people = userIds.map((id) => this.#person(id));
    for (const person of people) person.watch(watcher);
    try {
      await this.#know(people);
      return people;
    } catch (error) {
      this.unwatch(people, watcher);
      throw error;
    }
  }

  /** Once for each person that `watch` gave. */
  unwatch(people: readonly Person[], watcher: Watcher): void {
    for (const person of people) {
      person.unwatch(watcher);
      this.#discard(person);
    }
  }

  /** Resolves when the person is known. On failure nobody is followed by this call. */
  async follow(userId: UserId, follower: Follower): Promise<Person> {
    const person = this.#person(userId);
    person.follow(follower);
    try {
      await this.#know([person]);
      return person;
    } catch (error) {
      this.unfollow(person, follower);
      throw error;
    }
  }

  /** Idempotent. */
  unfollow(person: Person, follower: Follower): void {
    person.unfollow(follower);
    this.#discard(person);
  }

  /** Takes over a record that has been read from the store, where that is newer than what is known of who is watched. */
  learn(userId: UserId, record: PresenceRecord): void {
    const person = this.#people.get(userId);
    if (person && isNewer(record, person.record ?? undefined)) this.#apply(person, record);
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
    this.#lostChoices.close();
    for (const settle of [...this.#waiting]) settle();
    const partitions = [...this.#partitions.values()];
    this.#people.clear();
    this.#partitions.clear();
    await Promise.allSettled(partitions.map(async ({ listening }) => (await listening)()));
  }

  #person(id: UserId): Person {
    const known = this.#people.get(id);
    if (known) return known;
    const number = this.#store.partitionOf(id);
    const person = new Person(id, number);
    this.#people.set(id, person);
    const partition = this.#partitions.get(number);
    if (partition) partition.people += 1;
    else this.#partitions.set(number, { people: 1, listening: this.#listen(number) });
    return person;
  }

  /** Forgets who is watched no more. */
  #discard(person: Person): void {
    if (person.watched || this.#people.get(person.id) !== person) return;
    this.#people.delete(person.id);
    this.#leave(person.partition);
  }

  async #know(people: readonly Person[]): Promise<void> {
    const unknown = people.filter(({ record }) => record === null);
    await Promise.all([...new Set(unknown.map(({ partition }) => partition))].map((p) => this.#listening(p)));
    await this.#load(unknown);
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

  async #load(people: readonly Person[]): Promise<void> {
    const mine: Person[] = [];
    const waits: Promise<void>[] = [];
    for (const person of people) {
      // Loaded meanwhile, or forgotten by a node that has closed.
      if (person.record !== null || this.#people.get(person.id) !== person) continue;
      if (person.loading) waits.push(person.loading);
      else mine.push(person);
    }
    if (mine.length > 0) {
      const loading = this.#loadNow(mine);
      for (const person of mine) person.loading = loading;
      waits.push(loading);
    }
    await Promise.all(waits);
  }

  async #loadNow(people: readonly Person[]): Promise<void> {
    try {
      const records = await this.#records.loadAll(people.map(({ id }) => id));
      for (const [index, person] of people.entries()) {
        const record = records[index];
        if (record) this.#loaded(person, record);
      }
    } finally {
      for (const person of people) person.loading = null;
    }
  }

  #loaded(person: Person, record: PresenceRecord): void {
    const { told } = person;
    person.load(record);
    person.told = null;
    if (told && isNewer(told, record)) this.#apply(person, told);
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

  /** What has been told says up to where all have been told only where no gap between partitions goes unnoticed. */
  #advance(): void {
    if (!this.#store.gapless) this.#planBarrier();
    else if (this.#whole) this.#applied = Math.max(this.#applied, this.#newestTold);
  }

  /** One question for all changes of a while, and none while nothing changes. */
  #planBarrier(): void {
    if (this.#store.gapless || this.#barrier || this.#closed || this.#newestTold <= this.#applied) return;
    this.#barrier = setTimeout(() => {
      this.#barrier = undefined;
      this.catchUp().catch((error: unknown) => {
        this.#log.debug({ err: error }, 'what has been told could not be made sure of; trying on');
        this.#planBarrier();
      });
    }, BARRIER_MS).unref();
  }

  #apply(person: Person, record: PresenceRecord): void {
    const before = person.record;
    if (before === null) person.tell(record);
    else if (lacks(record, before)) void this.#lostChoices.bringBack(person);
    else person.change(before, record);
  }

  /** Reads again whom changes were missed of, for as long as it takes. */
  async #reload(partition: number, userIds: readonly UserId[] | null): Promise<void> {
    const reload = { partition, attempt: Promise.resolve() };
    this.#reloads.add(reload);
    this.#updateStale();
    try {
      for (;;) {
        const ids = (userIds ?? [...this.#people.keys()]).filter((id) => this.#people.get(id)?.partition === partition);
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
      this.#apply(person, record);
    }
  }

  #updateStale(): void {
    const stale = this.#lost.size > 0 || (this.#stale && this.#reloads.size > 0);
    if (stale === this.#stale || this.#closed) return;
    this.#stale = stale;
    if (!stale && this.#store.ready()) this.#followLineage();
    this.#onStale(stale);
    for (const settle of [...this.#waiting]) settle();
  }

  #followLineage(): string {
    const lineage = this.#store.lineage();
    // The clock that revisions come from may have run back with it.
    if (this.#lineage !== null && lineage !== this.#lineage) [this.#applied, this.#newestTold] = [NEVER, NEVER];
    this.#lineage = lineage;
    return lineage;
  }
}
