import { afterEach, describe, expect, test } from 'vitest';
import type { Command } from '../../src/presence/command.ts';
import { EMPTY_RECORD, type PresenceRecord } from '../../src/presence/record.ts';
import { People } from '../../src/roster/people.ts';
import { Records } from '../../src/service/records.ts';
import { MemoryPresenceStore } from '../../src/store/memory.ts';
import type { Commit, CommitResult, PresenceListener, Unlisten } from '../../src/store/port.ts';
import { RULES } from '../support/presence-world.ts';
import { quiet } from '../support/quiet.ts';

/** A store that can fall back to what it held, under newer revisions than it had given. */
class FallingStore extends MemoryPresenceStore {
  #fallen: MemoryPresenceStore | null = null;
  listener: PresenceListener | null = null;
  /** What is read waits for it. */
  reading: Promise<void> = Promise.resolve();

  async fallBack(userId: string, record: PresenceRecord): Promise<void> {
    const fallen = new MemoryPresenceStore();
    await fallen.commit({ userId, previous: EMPTY_RECORD, record, wakeAt: null, visible: true });
    this.#fallen = fallen;
  }

  override async load(ids: readonly string[]): Promise<PresenceRecord[]> {
    await this.reading;
    return this.#fallen ? this.#fallen.load(ids) : super.load(ids);
  }

  override async commit(commit: Commit): Promise<CommitResult> {
    return this.#fallen ? this.#fallen.commit(commit) : super.commit(commit);
  }

  override async listen(partition: number, listener: PresenceListener): Promise<Unlisten> {
    this.listener = listener;
    return super.listen(partition, listener);
  }
}

const BEAT = { type: 'heartbeat', sessionId: 's', client: 'WEB', activity: 'ACTIVE', binding: null } as const;
const HIDE = { type: 'setVisibility', invisible: true, hideFrom: [], showTo: [] } as const;
const SAY = { type: 'setCustomStatus', text: 'here', emoji: null, expiresAt: null } as const;

const stores: FallingStore[] = [];
afterEach(() => Promise.all(stores.splice(0).map((store) => store.close())));

function node(store: FallingStore): Records {
  return new Records(store, RULES, { mayCommit: () => true, sparedUntil: () => 0, committed: () => {} });
}

/** Bob is here, does `lost`, and the store forgets that; `records` remembers it. */
async function fallen(...lost: readonly Command[]): Promise<{ store: FallingStore; records: Records }> {
  const store = new FallingStore();
  stores.push(store);
  const records = node(store);
  const before = await records.apply('bob', BEAT);
  for (const command of lost) await records.apply('bob', command);
  await store.fallBack('bob', before);
  return { store, records };
}

describe('rule 5.6: right after a loss', () => {
  test('a new stream on a node that remembers does not show who hides', async () => {
    const { store, records } = await fallen(HIDE);
    const people = new People(store, quiet, records, () => {});
    await Promise.all(
      ['ada', 'eve'].map(() => people.watch(['bob'], { viewer: 'alice', closed: false, personChanged: () => {} })),
    );
    expect(people.find('bob')?.record?.everyone).toMatchObject({ hidden: true, view: { status: 'OFFLINE' } });
    await people.close();
  });

  test('nor does another one that begins while that is read, whatever is told meanwhile', async () => {
    const { store, records } = await fallen(HIDE);
    const there = await node(store).apply('bob', { ...BEAT, client: 'MOBILE' });
    let open = (): void => {};
    const people = new People(store, quiet, records, () => {});
    store.reading = new Promise((resolve) => {
      open = resolve;
    });
    const first = people.watch(['bob'], { viewer: 'alice', closed: false, personChanged: () => {} });
    store.listener?.changed('bob', there);
    const second = people.watch(['bob'], { viewer: 'alice', closed: false, personChanged: () => {} });
    const seen = second.then(() => people.find('bob')?.record?.everyone.view.status);
    // Whoever does not wait for the reading has gone on by then.
    await new Promise((resolve) => setImmediate(resolve));
    open();
    expect(await seen).toBe('OFFLINE');
    await first;
    await people.close();
  });

  test('what two remember of different kinds of choice comes together', async () => {
    const { store, records } = await fallen(HIDE);
    const other = await records.apply('bob', SAY);
    expect(other).toMatchObject({ everyone: { hidden: true }, customStatus: { text: 'here' } });
    const { visibility: _, ...chosen } = other.chosen ?? {};
    const known = { ...other, chosen, everyone: { ...other.everyone, hidden: false } };
    await store.fallBack('bob', { ...EMPTY_RECORD, rev: other.rev });
    const restored = await records.restore('bob', known);
    expect(restored).toMatchObject({ everyone: { hidden: true }, customStatus: { text: 'here' } });
  });

  test('one who remembers less brings back no less than is remembered here', async () => {
    const { store, records } = await fallen(HIDE);
    const unhidden = new FallingStore();
    stores.push(unhidden);
    // Somebody watched here said something through another node; this one remembers only that they hide.
    const elsewhere = await node(unhidden).apply('bob', SAY);
    const known = await records.restore('bob', elsewhere);
    expect(known).toMatchObject({ everyone: { hidden: true }, customStatus: { text: 'here' } });
    await store.fallBack('bob', EMPTY_RECORD);
    expect(await records.load('bob')).toMatchObject({ everyone: { hidden: true }, customStatus: { text: 'here' } });
  });
});
