import { isDeepStrictEqual } from 'node:util';
import { type PresenceRecord, sameView, type View, view } from '../../src/presence/record.ts';
import type { Millis } from '../../src/presence/time.ts';
import type { RosterUpdate } from '../../src/roster/update.ts';
import type { ModelNode } from './model-devices.ts';
import type { Scene } from './model-plant.ts';
import { PEOPLE, type Step } from './model-steps.ts';
import { Book, ModelStream } from './model-stream.ts';
import type { Final } from './model-truth.ts';

/** What surely stood, by friend. */
type Floor = ReadonlyMap<string, View | null>;

type WatchStep = Exclude<Step, { step: 'ask' | 'drop' | 'pass' | 'node' }>;

const MAX_STREAMS = 6;
const ALL = { first: 500, after: null } as const;

interface OwnStream {
  readonly user: string;
  readonly feed: AsyncIterator<PresenceRecord>;
  latest: PresenceRecord | null;
  ended: boolean;
}

/** Everybody who looks: streams that come and go, and queries. Holds what they are shown against the truth. */
export class Watching {
  readonly book = new Book();
  readonly streams: ModelStream[] = [];
  readonly #own: OwnStream[] = [];
  readonly #world: Scene;
  /** What must be in the first frame of a stream that is being opened, by friend. */
  readonly #opening = new Set<ModelStream>();
  readonly #floors = new Map<ModelStream, { readonly at: Millis; readonly views: Floor }>();

  constructor(world: Scene) {
    this.#world = world;
  }

  async take(step: WatchStep): Promise<void> {
    switch (step.step) {
      case 'open': {
        if (this.streams.length >= MAX_STREAMS) return;
        const viewer = PEOPLE[step.viewer] ?? '';
        const only = step.only?.map((index) => PEOPLE[index] ?? '') ?? null;
        const name = `stream ${this.streams.length} of ${viewer}`;
        const stream = new ModelStream(name, { viewer, only, coalesceMs: step.coalesceMs }, this.book, {
          framed: (...framed) => this.#framed(...framed),
          failed: (error) => this.#world.fail(error),
        });
        this.streams.push(stream);
        this.#world.inBackground(this.#open(stream, step.via));
        return;
      }
      case 'openOwn':
        this.#world.inBackground(this.#openOwn(PEOPLE[step.viewer] ?? '', step.via));
        return;
      case 'resume': {
        const stream = this.streams[step.stream];
        if (!stream || this.#opening.has(stream)) return;
        await stream.close();
        this.#world.inBackground(this.#open(stream, step.via));
        return;
      }
      case 'close':
        await this.streams[step.stream]?.close();
        return;
      case 'stopReading':
        this.streams[step.stream]?.stopReading();
        return;
      case 'read':
        this.streams[step.stream]?.read();
        return;
      case 'query':
        this.#world.inBackground(this.#query(PEOPLE[step.viewer] ?? '', step.via));
        return;
      default:
        step satisfies never;
    }
  }

  /** The connections to the node are gone. */
  async lose(node: ModelNode): Promise<void> {
    for (const stream of this.streams) if (stream.node === node.number) await stream.close();
  }

  /** Whoever was cut off goes on, all take what there is. */
  async comeBack(): Promise<void> {
    for (const stream of this.streams) {
      stream.read();
      if (!stream.isOpen && !this.#opening.has(stream)) this.#world.inBackground(this.#open(stream, stream.frames));
    }
  }

  async close(): Promise<void> {
    for (const stream of this.streams) await stream.close();
    for (const { feed } of this.#own) await feed.return?.();
  }

  /** Rule 5.2: every roster is what a fresh query answers at any node, and what people made of it. */
  async mustAgree(): Promise<void> {
    const { truth, nodes, plant, options } = this.#world;
    for (const { viewer, friend, view: shown, where } of this.book.sightings) {
      const wrong = truth.judge(viewer, friend, shown);
      if (wrong) throw new Error(`${where}: ${friend} ${wrong}: ${JSON.stringify(shown)}`);
    }
    const rosters = new Map<string, Map<string, View>>();
    for (const viewer of PEOPLE) {
      for (const node of nodes.filter(({ up }) => up)) {
        const { items, onlineCount } = await node.rollcall.friends(viewer, ALL, null);
        const roster = new Map(items.flatMap(({ node: { id, view } }) => (view ? [[id, view] as const] : [])));
        const before = rosters.get(viewer);
        if (before && !isDeepStrictEqual(before, roster)) throw differ(`two nodes for ${viewer}`, before, roster);
        rosters.set(viewer, roster);
        const online = [...roster.values()].filter((view) => view.status === 'ONLINE').length;
        if (online !== onlineCount)
          throw new Error(`rule 8.9: ${viewer} has ${online} friends online, not ${onlineCount}`);
      }
      const roster = rosters.get(viewer) ?? new Map<string, View>();
      const friends = PEOPLE.filter((id) => id !== viewer && truth.friends.relation(viewer, id) === 'friend').sort();
      if (!isDeepStrictEqual([...roster.keys()], friends))
        throw differ(`rule 8: friends of ${viewer}`, [...roster.keys()], friends);
      for (const friend of friends) {
        const is = roster.get(friend);
        if (!is) throw new Error('Every friend is on the roster.');
        const final = truth.finally(friend, viewer, plant.now(), options.settings.awayAfterMs, this.#world);
        if (!isRight(is, final)) throw differ(`rules 1, 2, 7: what ${viewer} is shown of ${friend}`, is, final);
      }
    }
    for (const stream of this.streams) {
      const { viewer, only } = stream.options;
      const asked = [...(rosters.get(viewer) ?? [])].filter(([id]) => only === null || only.includes(id));
      if (stream.stale) throw new Error(`rule 10.1: ${stream.name} is still stale`);
      const held = [...stream.held].sort(([a], [b]) => (a < b ? -1 : 1));
      if (contents(held) !== contents(asked)) throw differ(`rule 5.2: ${stream.name}`, held, asked);
    }
    for (const own of this.#own) {
      if (own.ended) continue;
      const fresh = await this.#world.persistently(0, (rollcall) => rollcall.record(own.user));
      const [seen, is] = [visible(own.latest), visible(fresh)];
      if (seen !== is) throw differ(`rules 3.4, 5.2: the own stream of ${own.user}`, seen, is);
    }
  }

  async #open(stream: ModelStream, via: number): Promise<void> {
    const { viewer, only, coalesceMs } = stream.options;
    this.#opening.add(stream);
    await this.#world.persistently(via, async (rollcall, node) => {
      // What was surely so before it was asked for: rule 4.4.
      this.#floors.set(stream, { at: this.#world.plant.now(), views: this.#floor(viewer) });
      const options = { only: only ? new Set(only) : null, after: stream.cursor, coalesceMs };
      try {
        stream.follow(await rollcall.watchRoster(viewer, options), node.number);
      } catch (error) {
        this.#floors.delete(stream);
        throw error;
      }
    });
    this.#opening.delete(stream);
  }

  async #openOwn(user: string, via: number): Promise<void> {
    await this.#world.persistently(via, async (rollcall) => {
      const own: OwnStream = { user, feed: await rollcall.watchViewer(user), latest: null, ended: false };
      this.#own.push(own);
      this.#follow(own).catch((error: unknown) => this.#world.fail(error));
    });
  }

  async #follow(own: OwnStream): Promise<void> {
    for (;;) {
      const step = await own.feed.next();
      if (step.done) break;
      if (own.latest && step.value.rev < own.latest.rev) {
        throw new Error(
          `rule 4.2: the own stream of ${own.user} went back from ${own.latest.rev} to ${step.value.rev}`,
        );
      }
      own.latest = step.value;
    }
    own.ended = true;
  }

  #floor(viewer: string): Floor {
    return new Map(PEOPLE.map((friend) => [friend, this.#world.truth.newest(viewer, friend)]));
  }

  #framed(stream: ModelStream, frame: RosterUpdate, first: boolean): void {
    const { plant, truth, nodes } = this.#world;
    const { viewer, only } = stream.options;
    const now = plant.now();
    this.#world.note(`${stream.name} at ${stream.node}: ${JSON.stringify(frame)}`);
    const node = nodes[stream.node ?? -1];
    const floor = this.#floors.get(stream);
    if (first) this.#floors.delete(stream);
    if (!node || frame.stale) return;
    for (const { id } of frame.changes) this.#mustBeFriend(viewer, id, this.#behind(node, now), now, stream.name);
    if (!first || !floor) return;
    for (const id of PEOPLE) {
      if (id === viewer || (only !== null && !only.includes(id))) continue;
      const shown = stream.held.get(id);
      if (shown === undefined) {
        const surely = !truth.couldBeFriends(false, viewer, id, Math.min(floor.at, this.#behind(node, now)), now);
        if (surely) throw new Error(`rules 4.4, 6.1: ${stream.name}: ${id} is missing from the first frame`);
      } else if (isOlder(shown, floor.views.get(id))) {
        throw new Error(`rule 4.4: ${stream.name}: ${id} is older than was known: ${JSON.stringify(shown)}`);
      }
    }
    for (const id of stream.held.keys())
      this.#mustBeFriend(viewer, id, Math.min(floor.at, this.#behind(node, now)), now, stream.name);
  }

  async #query(viewer: string, via: number): Promise<void> {
    await this.#world.persistently(via, async (rollcall, node) => {
      const { plant, truth } = this.#world;
      const at = plant.now();
      const floor = this.#floor(viewer);
      const where = `a query of ${viewer} at node ${node.number}`;
      const seen = await rollcall.see(viewer, PEOPLE);
      for (const { id, isFriend, view: shown } of seen) {
        if (id === viewer) continue;
        if (!truth.couldBeFriends(isFriend, viewer, id, at, plant.now()))
          throw new Error(`rule 8.1: ${where}: ${id} isFriend: ${isFriend}`);
        if (isFriend !== (shown !== null)) throw new Error(`rule 8.1: ${where}: ${id} is no friend and shown`);
        if (shown === null) continue;
        if (isOlder(shown, floor.get(id))) throw new Error(`rule 4.4: ${where}: ${id} is older than was known`);
        this.book.see({ viewer, friend: id, view: shown, stale: false, where });
      }
    });
  }

  /** From when on what a node shows may be: a moment ago, or when it was last sound. */
  #behind(node: ModelNode, now: Millis): Millis {
    return (node.sound(now) ? now : Math.min(now, node.brokenAt)) - this.#world.plant.lateMs;
  }

  #mustBeFriend(viewer: string, id: string, from: Millis, until: Millis, where: string): void {
    if (this.#world.truth.couldBeFriends(true, viewer, id, from, until)) return;
    throw new Error(`rule 8.1: ${where}: ${id} is shown and no friend`);
  }
}

function isRight({ status, clients, customStatus }: View, final: Final): boolean {
  if (final.hidden) return status === 'OFFLINE' && clients.length === 0;
  const rest = [clients, customStatus?.text ?? null];
  return final.statuses.includes(status) && isDeepStrictEqual(rest, [final.clients, final.text]);
}

/** What a person can see of their own record: not when leases end. */
export function visible(record: PresenceRecord | null): string {
  if (record === null) return 'nothing';
  const { sessions, overrides, customStatus, everyone, apart } = record;
  const { rev: _, ...everyones } = everyone.view;
  return JSON.stringify({
    sessions: sessions.map(({ id, client, activity, binding }) => [id, client, activity, binding !== null]),
    overrides,
    customStatus,
    everyones,
    invisible: everyone.hidden,
    views: PEOPLE.map((viewer) => ({ ...view(record, viewer), rev: 0 })),
    hiddenFrom: Object.keys(apart).filter((viewer) => apart[viewer]?.hidden),
  });
}

/** Who comes back to what was shown, unseen in between, is not shown once more. */
function isOlder(shown: View, surely: View | null | undefined): boolean {
  return surely != null && shown.rev < surely.rev && !sameView(shown, surely);
}

function contents(roster: readonly (readonly [string, View])[]): string {
  return JSON.stringify(roster.map(([id, shown]) => [id, { ...shown, rev: 0 }]));
}

function differ(what: string, one: unknown, other: unknown): Error {
  const text = (value: unknown): string => JSON.stringify(value instanceof Map ? [...value] : value);
  return new Error(`${what}: ${text(one)} and ${text(other)}`);
}
