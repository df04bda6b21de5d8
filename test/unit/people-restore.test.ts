import { afterEach, expect, test } from 'vitest';
import { EMPTY_RECORD, type PresenceRecord } from '../../src/presence/record.ts';
import { People } from '../../src/roster/people.ts';
import { MemoryPresenceStore } from '../../src/store/memory.ts';
import type { PresenceListener } from '../../src/store/port.ts';
import { eventually } from '../contract/presence-store-setting.ts';
import { quiet } from '../support/quiet.ts';

/** A store whose data can be replaced. */
class FallingStore extends MemoryPresenceStore {
  holds: PresenceRecord = EMPTY_RECORD;
  listener: PresenceListener | null = null;

  override async load(ids: readonly string[]): Promise<PresenceRecord[]> {
    return ids.map(() => this.holds);
  }

  override async listen(partition: number, listener: PresenceListener): Promise<() => Promise<void>> {
    this.listener = listener;
    return super.listen(partition, listener);
  }
}

const store = new FallingStore();
afterEach(() => store.close());

test('rules 5.2, 5.6: what has been brought back is shown, also where the clock of the store has run back', async () => {
  const hidden = { ...EMPTY_RECORD.everyone, hidden: true };
  const known = { ...EMPTY_RECORD, rev: 200, chosen: { visibility: { rev: 100 } }, everyone: hidden };
  store.holds = known;
  const restored = { ...known, rev: 150 };
  const people = new People(
    store,
    quiet,
    { loadAll: (ids) => store.load(ids), restore: async () => restored },
    () => {},
  );
  await people.watch(['bob'], { viewer: 'alice', closed: false, personChanged: () => {} });
  expect(people.find('bob')?.record).toEqual(known);
  store.holds = { ...EMPTY_RECORD, rev: 50 };
  store.listener?.missed(['bob']);
  await eventually(
    async () => people.find('bob')?.record,
    (record) => record?.rev === restored.rev,
  );
  expect(people.find('bob')?.record).toEqual(restored);
  const next = { ...restored, rev: 160 };
  store.listener?.changed('bob', next);
  expect(people.find('bob')?.record).toEqual(next);
  await people.close();
});
