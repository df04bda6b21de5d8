import { type PresenceRecord, sameView, type UserId, view } from '../presence/record.ts';
import { isNewer } from '../store/port.ts';
import { isAnyone, kept } from './kept.ts';

/** Shows one viewer what some people look like to that viewer. */
export interface Watcher {
  readonly viewer: UserId;
  /** It wants to be told nothing more, for good. */
  readonly closed: boolean;
  /** The person looks different to the viewer from now on. */
  personChanged(person: Person): void;
}

/** Shows somebody all of their own record. */
export interface Follower {
  recordChanged(record: PresenceRecord): void;
}

/** How many of those who have left may still be among the watchers, besides as many as have not. */
const LEFT_BEHIND = 8;

/**
 * Somebody who is watched on this node. There is one object for a user, however many watch: it stands for them wherever
 * the node counts on being told of them, and its `id` is the one text of that id that is kept.
 */
export class Person {
  readonly id: UserId;
  readonly partition: number;
  /** See `record`. */
  #record: PresenceRecord | null = null;
  /** The newest that was told before it was loaded: it may lack a choice of which only what is loaded knows. */
  told: PresenceRecord | null = null;
  loading: Promise<void> | null = null;
  /** What the store has lost of what they have chosen is being brought back. */
  restoring = false;
  /** Some of them may have left: see `unwatch`. */
  #watchers: Watcher[] = [];
  #watching = 0;
  /** Null for none, which is so with most. */
  #followers: Set<Follower> | null = null;

  constructor(id: UserId, partition: number) {
    this.id = id;
    this.partition = partition;
  }

  /** What is kept of the newest that is known, without sessions; null until loaded. */
  get record(): PresenceRecord | null {
    return this.#record;
  }

  get watched(): boolean {
    return this.#watching > 0 || this.#followers !== null;
  }

  /** Not twice by the same watcher. */
  watch(watcher: Watcher): void {
    this.#watchers.push(watcher);
    this.#watching += 1;
  }

  /**
   * Once for each `watch`. One who has closed is only counted out and taken off with others later: ten thousand may leave
   * at once, and to look for each of them among all would take the square of that.
   */
  unwatch(watcher: Watcher): void {
    this.#watching -= 1;
    const watchers = this.#watchers;
    if (watcher.closed) {
      if (watchers.length > 2 * this.#watching + LEFT_BEHIND) this.#watchers = watchers.filter(({ closed }) => !closed);
      else if (this.#watching === 0) this.#watchers = [];
      return;
    }
    const last = watchers.pop();
    if (last === undefined || last === watcher) return;
    const index = watchers.lastIndexOf(watcher);
    if (index >= 0) watchers[index] = last;
    else watchers.push(last);
  }

  follow(follower: Follower): void {
    this.#followers ??= new Set();
    this.#followers.add(follower);
  }

  /** Idempotent. */
  unfollow(follower: Follower): void {
    this.#followers?.delete(follower);
    if (this.#followers?.size === 0) this.#followers = null;
  }

  /** This is the newest record, and nobody has been shown another. */
  load(record: PresenceRecord): void {
    this.#record = kept(record);
  }

  /** Keeps what was told before the record has been loaded. */
  tell(record: PresenceRecord): void {
    if (isNewer(record, this.told ?? undefined)) this.told = record;
  }

  /** `record` takes the place of `before`, and whoever is shown something else by it is told. */
  change(before: PresenceRecord, record: PresenceRecord): void {
    this.#record = kept(record);
    if (this.#followers) for (const follower of this.#followers) follower.recordChanged(record);
    // What everyone is shown is looked at once for all of them; who is set apart is looked at one by one.
    const differs = !sameView(before.everyone.view, record.everyone.view);
    const apart = isAnyone(before.apart) || isAnyone(record.apart);
    if (!differs && !apart) return;
    const watchers = this.#watchers;
    for (let index = 0; index < watchers.length; index++) {
      const watcher = watchers[index];
      if (watcher === undefined || watcher.closed) continue;
      if (apart ? !sameView(view(before, watcher.viewer), view(record, watcher.viewer)) : differs) {
        watcher.personChanged(this);
      }
    }
  }
}
