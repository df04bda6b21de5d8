import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { MemoryFriendGraph } from '../../src/friends/memory.ts';
import { EMPTY_RECORD, type PresenceRecord } from '../../src/presence/record.ts';
import { OwnFeed } from '../../src/roster/own-feed.ts';
import { People } from '../../src/roster/people.ts';
import { MemoryPresenceStore } from '../../src/store/memory.ts';
import type { PresenceListener, Unlisten } from '../../src/store/port.ts';
import { quiet } from '../support/quiet.ts';

/** A store of which the test says what it holds and what it tells. */
class ToldStore extends MemoryPresenceStore {
  holds: PresenceRecord = EMPTY_RECORD;
  listener: PresenceListener | null = null;

  override async load(ids: readonly string[]): Promise<PresenceRecord[]> {
    return ids.map(() => this.holds);
  }

  override async listen(partition: number, listener: PresenceListener): Promise<Unlisten> {
    this.listener = listener;
    return super.listen(partition, listener);
  }
}

const at = (rev: number): PresenceRecord => ({ ...EMPTY_RECORD, rev });
let store: ToldStore;
let people: People;
let feed: OwnFeed;

/** Loaded at 100; when the stream begins, 300 has been committed, and what is told of that is on its way. */
beforeEach(async () => {
  store = new ToldStore();
  const records = { loadAll: (ids: readonly string[]) => store.load(ids), restore: async () => store.holds };
  people = new People(store, quiet, records, () => {});
  feed = new OwnFeed('bob', people, new MemoryFriendGraph(store.clock), quiet, () => {});
  store.holds = at(100);
  await feed.open(async () => {
    store.holds = at(300);
    return store.holds;
  });
});

afterEach(async () => {
  await feed.return();
  await people.close();
  await store.close();
});

async function next(): Promise<number | undefined> {
  return (await feed.next()).value?.rev;
}

describe("a user's own stream", () => {
  test('rule 4.2: does not go back to what is told after what it began with', async () => {
    expect(await next()).toBe(300);
    const waiting = next();
    store.listener?.changed('bob', at(200));
    await new Promise((resolve) => setImmediate(resolve));
    store.listener?.changed('bob', at(400));
    expect(await waiting).toBe(400);
  });

  test('rule 5.5: goes back with a store that has lost writes', async () => {
    expect(await next()).toBe(300);
    store.holds = at(150);
    store.listener?.missed(['bob']);
    expect(await next()).toBe(150);
  });
});
