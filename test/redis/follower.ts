import type { PresenceRecord } from '../../src/presence/record.ts';
import type { PresenceStore } from '../../src/store/port.ts';
import { Heard } from '../contract/presence-store-setting.ts';

/** What a listener knows that applies each change and loads again what it missed, as every listener has to. */
export class Follower extends Heard {
  readonly known = new Map<string, PresenceRecord>();
  readonly #store: PresenceStore;
  readonly #users: readonly string[];
  #loading: Promise<unknown> = Promise.resolve();

  constructor(store: PresenceStore, users: readonly string[]) {
    super();
    this.#store = store;
    this.#users = users;
  }

  override changed(userId: string, record: PresenceRecord): void {
    if (record.rev > (this.known.get(userId)?.rev ?? 0)) this.known.set(userId, record);
    super.changed(userId, record);
  }

  override missed(userIds: readonly string[] | null): void {
    const ids = userIds ?? this.#users;
    this.#loading = this.#loading.then(async () => {
      const records = await this.#store.load(ids);
      for (const [index, id] of ids.entries()) {
        const record = records[index];
        if (record && record.rev > (this.known.get(id)?.rev ?? 0)) this.known.set(id, record);
      }
    });
    super.missed(userIds);
  }

  async settled(): Promise<void> {
    await this.#store.caughtUp();
    await this.#loading;
  }
}
