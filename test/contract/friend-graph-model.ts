import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { FriendGraph, FriendList } from '../../src/friends/port.ts';
import type { Relate, Relation } from '../../src/friends/relation.ts';
import { HOSTILE_IDS, people, type SharedGraph } from './friend-graph-setting.ts';

/** Rule 8 told another way: who wants whom, and who blocks whom. Everything else follows from these two. */
export class Model {
  readonly #wants = new Set<string>();
  readonly #blocks = new Set<string>();

  relation(a: string, b: string): Relation {
    if (this.#blocks.has(arrow(a, b))) return 'blocked';
    const [mine, theirs] = [this.#wants.has(arrow(a, b)), this.#wants.has(arrow(b, a))];
    if (mine && theirs) return 'friend';
    if (mine) return 'requested';
    return theirs ? 'incoming' : 'none';
  }

  /** False when the change is refused. */
  relate(a: string, b: string, change: Relate): boolean {
    const blocking = this.#blocks.has(arrow(a, b));
    switch (change) {
      case 'add':
        if (!blocking) this.#wants.add(arrow(a, b));
        return !blocking;
      case 'remove':
        if (!blocking) this.#part(a, b);
        return true;
      case 'block':
        if (!blocking) this.#part(a, b);
        this.#blocks.add(arrow(a, b));
        return true;
      case 'unblock':
        this.#blocks.delete(arrow(a, b));
        return true;
      case 'befriend':
        if (blocking || this.#blocks.has(arrow(b, a))) return true;
        this.#wants.add(arrow(a, b)).add(arrow(b, a));
        return true;
    }
  }

  #part(a: string, b: string): void {
    this.#wants.delete(arrow(a, b));
    this.#wants.delete(arrow(b, a));
  }
}

function arrow(from: string, to: string): string {
  return JSON.stringify([from, to]);
}

type Command =
  | {
      readonly type: 'relate';
      readonly a: number;
      readonly b: number;
      readonly change: Relate;
      readonly there: boolean;
    }
  | { readonly type: 'sync'; readonly a: number; readonly friends: readonly number[] }
  | { readonly type: 'befriend'; readonly pairs: readonly (readonly [number, number])[] };

const USERS = 4;
const user = fc.nat({ max: USERS - 1 });
const pair = fc.tuple(user, user).filter(([a, b]) => a !== b);
const change = fc.constantFrom<Relate>('add', 'add', 'remove', 'block', 'unblock', 'befriend');
const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ type: fc.constant('relate'), pair, change, there: fc.boolean() }).map(flatten) },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('sync'), a: user, friends: fc.array(user, { maxLength: 5 }) }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('befriend'), pairs: fc.array(pair, { maxLength: 4 }) }) },
);

function flatten({
  pair: [a, b],
  ...rest
}: {
  type: 'relate';
  pair: [number, number];
  change: Relate;
  there: boolean;
}): Command {
  return { ...rest, a, b };
}

/** Any history on four people leaves the lists that the model says, and versions that tell what changed. */
export function friendGraphModel(engine: string, start: () => Promise<SharedGraph>): void {
  let shared: SharedGraph;
  beforeAll(async () => {
    shared = await start();
  });
  afterAll(() => shared.close());

  it(`rule 8: any history of adding, removing and blocking ends as the rule says, ${engine}`, async () => {
    const names = fc.shuffledSubarray(HOSTILE_IDS, { minLength: USERS, maxLength: USERS });
    await fc.assert(
      fc.asyncProperty(names, fc.array(command, { maxLength: 40 }), async (hostile, commands) => {
        const [life] = people('life');
        const ids = hostile.map((id) => `${life}/${id}`);
        const model = new Model();
        let lists = await readAll(shared.here, ids);
        for (const next of commands) {
          await run(shared, model, ids, next);
          const after = await readAll(shared.here, ids);
          for (const id of ids) check(model, ids, id, lists.get(id), after.get(id));
          lists = after;
        }
      }),
      { numRuns: 60 },
    );
  });
}

async function run(shared: SharedGraph, model: Model, ids: readonly string[], next: Command): Promise<void> {
  const name = (n: number): string => ids[n] ?? '';
  const tally = (a: string, b: string, wish: Relate): number => {
    const before = model.relation(a, b);
    model.relate(a, b, wish);
    return model.relation(a, b) === before ? 0 : 1;
  };
  switch (next.type) {
    case 'relate': {
      const [a, b] = [name(next.a), name(next.b)];
      const outcome = (next.there ? shared.there : shared.here).relate(a, b, next.change);
      if (model.relate(a, b, next.change)) {
        expect(await outcome).toEqual({ mine: model.relation(a, b), theirs: model.relation(b, a) });
      } else {
        await expect(outcome).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
      }
      return;
    }
    case 'sync': {
      const a = name(next.a);
      const friends = next.friends.filter((n) => n !== next.a).map(name);
      const counts = { added: 0, removed: 0 };
      const outcome = await shared.here.sync(a, friends);
      for (const b of ids) {
        if (friends.includes(b)) counts.added += tally(a, b, 'befriend');
        else if (model.relation(a, b) === 'friend') counts.removed += tally(a, b, 'remove');
      }
      expect(outcome).toEqual(counts);
      return;
    }
    case 'befriend': {
      const pairs = next.pairs.map(([a, b]) => [name(a), name(b)] as const);
      const outcome = await shared.there.befriend(pairs);
      expect(outcome).toBe(pairs.reduce((sum, [a, b]) => sum + tally(a, b, 'befriend'), 0));
    }
  }
}

async function readAll(graph: FriendGraph, ids: readonly string[]): Promise<Map<string, FriendList>> {
  const lists = await Promise.all(ids.map((id) => graph.list(id)));
  return new Map(lists.map((list, index) => [ids[index] ?? '', list]));
}

function check(
  model: Model,
  ids: readonly string[],
  id: string,
  before: FriendList | undefined,
  after: FriendList | undefined,
): void {
  const was = new Map(before?.entries.map((entry) => [entry.id, entry]));
  const is = new Map(after?.entries.map((entry) => [entry.id, entry]));
  const moved: string[] = [];
  for (const other of ids) {
    if (other === id) continue;
    const relation = is.get(other)?.relation ?? 'none';
    expect(relation).toBe(model.relation(id, other));
    if (relation !== (was.get(other)?.relation ?? 'none')) moved.push(other);
    else expect(is.get(other)).toEqual(was.get(other));
  }
  expect(is.has(id)).toBe(false);
  const [versionBefore, version] = [before?.version ?? 0, after?.version ?? 0];
  if (moved.length === 0) expect(version).toBe(versionBefore);
  else expect(version).toBeGreaterThan(versionBefore);
  for (const other of moved) expect(is.get(other)?.version).toBe(version);
}
