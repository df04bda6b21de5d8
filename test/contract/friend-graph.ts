import { afterAll, beforeAll, expect, it } from 'vitest';
import { friendGraphChanges } from './friend-graph-changes.ts';
import { friendGraphConsent } from './friend-graph-consent.ts';
import { friendGraphLists } from './friend-graph-lists.ts';
import { HOSTILE_IDS, lines, people, relation, type SharedGraph } from './friend-graph-setting.ts';
import { Told } from './told.ts';

/** What every friend graph must do. Each test has people of its own, so all of them share one graph. */
export function friendGraphContract(engine: string, start: () => Promise<SharedGraph>): void {
  let shared: SharedGraph;
  beforeAll(async () => {
    shared = await start();
  });
  afterAll(() => shared.close());

  friendGraphConsent(engine, () => shared);
  friendGraphLists(engine, () => shared);
  friendGraphChanges(engine, () => shared);

  it(`takes any well-formed id verbatim, ${engine}`, async () => {
    const { here: graph, there } = shared;
    const [hub] = people('hub');
    const friends = [...HOSTILE_IDS].sort();
    expect(await graph.sync(hub, friends)).toEqual({ added: friends.length, removed: 0 });
    expect(await lines(graph, hub)).toEqual(friends.map((id) => [id, 'friend']));
    expect(await there.relations(hub, friends)).toEqual(friends.map(() => 'friend'));
    for (const id of friends) {
      expect(await relation(graph, id, hub)).toBe('friend');
      const told = new Told();
      const stop = await there.listen(id, told.note);
      const once = told.times(1);
      await graph.relate(hub, id, 'remove');
      await once;
      await stop();
    }
    expect(await lines(graph, hub)).toEqual(friends.map((id) => [id, 'none']));
    for (const id of ['hasOwnProperty', '__defineGetter__']) expect(await relation(graph, hub, id)).toBe('none');
  });

  it(`rule 10: a closed graph refuses, and closes again without complaint, ${engine}`, async () => {
    const closing = await start();
    const stop = await closing.here.listen('x', () => {});
    await closing.here.close();
    await closing.here.close();
    await stop();
    const closed = { code: 'UNAVAILABLE' };
    await expect(closing.here.list('x')).rejects.toMatchObject(closed);
    await expect(closing.here.relations('x', ['y'])).rejects.toMatchObject(closed);
    await expect(closing.here.relate('x', 'y', 'add')).rejects.toMatchObject(closed);
    await expect(closing.here.sync('x', ['y'])).rejects.toMatchObject(closed);
    await expect(closing.here.befriend([['x', 'y']])).rejects.toMatchObject(closed);
    await expect(closing.here.listen('x', () => {})).rejects.toMatchObject(closed);
    await closing.close();
  });
}
