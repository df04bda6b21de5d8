import type { UserId } from '../presence/record.ts';
import { MAX_IDS, type Seen } from '../service/api.ts';
import { checkId } from '../service/input.ts';
import { type GraphQLContext, requireCaller } from './context.ts';

interface Batch {
  readonly ids: Set<UserId>;
  readonly loaded: Promise<ReadonlyMap<UserId, Seen>>;
}

/** What each operation asks for in this tick. It is gone once it is under way: nothing is kept for later. */
const gathering = new WeakMap<GraphQLContext, Batch>();

/**
 * How the caller sees one user. All that one operation asks for in the same tick is loaded at once, MAX_IDS at a time.
 * Rejects with RollcallError; an id that is refused spoils no other.
 */
export async function seeUser(context: GraphQLContext, id: UserId): Promise<Seen> {
  const { userId } = requireCaller(context);
  checkId('id', id);
  const batch = gathering.get(context) ?? gather(context, userId);
  batch.ids.add(id);
  const seen = (await batch.loaded).get(id);
  if (seen === undefined) throw new Error(`see() gave no answer for user ${JSON.stringify(id)}`);
  return seen;
}

function gather(context: GraphQLContext, viewer: UserId): Batch {
  const ids = new Set<UserId>();
  const load = async (): Promise<ReadonlyMap<UserId, Seen>> => {
    // Fields of one level ask one after the other within one tick: by the next microtask all have asked.
    await Promise.resolve();
    gathering.delete(context);
    const all = [...ids];
    const answers = new Map<UserId, Seen>();
    for (let start = 0; start < all.length; start += MAX_IDS) {
      const part = await context.rollcall.see(viewer, all.slice(start, start + MAX_IDS));
      for (const seen of part) answers.set(seen.id, seen);
    }
    return answers;
  };
  const batch: Batch = { ids, loaded: load() };
  gathering.set(context, batch);
  return batch;
}
