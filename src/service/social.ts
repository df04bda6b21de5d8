import { badInput, RollcallError } from '../errors.ts';
import { type FriendGraph, MAX_FRIENDS, type SyncResult } from '../friends/port.ts';
import type { Relate, Relation } from '../friends/relation.ts';
import { type PresenceRecord, type PresenceStatus, type UserId, view } from '../presence/record.ts';
import type { Caller, FriendPage, Page, PageArguments, Seen } from './api.ts';
import { checkId, checkIds, checkPage } from './input.ts';
import { paginate } from './page.ts';

/** Who may see whom, and the lists that say so. */
export class Social {
  readonly #graph: FriendGraph;
  readonly #load: (userIds: readonly UserId[]) => Promise<PresenceRecord[]>;

  constructor(graph: FriendGraph, load: (userIds: readonly UserId[]) => Promise<PresenceRecord[]>) {
    this.#graph = graph;
    this.#load = load;
  }

  /** The one place where a query is told what a viewer may know: friends, and the viewer's own presence. */
  async see(viewer: UserId, ids: readonly UserId[]): Promise<Seen[]> {
    checkIds('ids', ids);
    const relations = await this.#graph.relations(viewer, ids);
    const known = ids.filter((id, index) => id === viewer || relations[index] === 'friend');
    const records = new Map((await this.#load(known)).map((record, index) => [known[index], record]));
    return ids.map((id, index) => {
      const record = records.get(id);
      return { id, isFriend: relations[index] === 'friend', view: record ? view(record, viewer) : null };
    });
  }

  async friends(viewer: UserId, page: PageArguments, statuses: readonly PresenceStatus[] | null): Promise<FriendPage> {
    checkPage(page);
    const ids = await this.#ids(viewer, 'friend');
    const records = await this.#load(ids);
    const all = records.map((record, index): Seen & { view: NonNullable<Seen['view']> } => ({
      id: ids[index] as UserId,
      isFriend: true,
      view: view(record, viewer),
    }));
    const chosen = statuses === null ? all : all.filter((friend) => statuses.includes(friend.view.status));
    const onlineCount = all.filter((friend) => friend.view.status === 'ONLINE').length;
    return { ...paginate(chosen, page), onlineCount };
  }

  async requests(viewer: UserId, page: PageArguments): Promise<Page<Seen>> {
    return this.#strangers(viewer, 'incoming', page);
  }

  async blocked(viewer: UserId, page: PageArguments): Promise<Page<Seen>> {
    return this.#strangers(viewer, 'blocked', page);
  }

  async relate(caller: Caller, userId: UserId, change: Relate): Promise<Seen> {
    checkId('userId', userId);
    if (userId === caller.userId) throw badInput('userId', 'userId must be somebody else than yourself.');
    await this.#graph.relate(caller.userId, userId, change);
    return (await this.see(caller.userId, [userId]))[0] as Seen;
  }

  async sync(caller: Caller, userId: UserId, friendIds: readonly UserId[]): Promise<SyncResult> {
    if (!caller.admin) throw new RollcallError('FORBIDDEN', 'Only a token with the scope presence:admin may do this.');
    checkId('userId', userId);
    checkIds('friendIds', friendIds, MAX_FRIENDS);
    if (friendIds.includes(userId)) throw badInput('friendIds', 'friendIds must not hold the user themselves.');
    return this.#graph.sync(userId, [...new Set(friendIds)]);
  }

  async #strangers(viewer: UserId, relation: Relation, page: PageArguments): Promise<Page<Seen>> {
    checkPage(page);
    const ids = await this.#ids(viewer, relation);
    return paginate(
      ids.map((id): Seen => ({ id, isFriend: false, view: null })),
      page,
    );
  }

  async #ids(viewer: UserId, relation: Relation): Promise<UserId[]> {
    const { entries } = await this.#graph.list(viewer);
    return entries.filter((entry) => entry.relation === relation).map(({ id }) => id);
  }
}
