import { MemoryFriendGraph } from '../../src/friends/memory.ts';
import type { PresenceRecord } from '../../src/presence/record.ts';
import { EMPTY_RECORD } from '../../src/presence/record.ts';
import type { Millis } from '../../src/presence/time.ts';
import { MemoryPresenceStore } from '../../src/store/memory.ts';
import type { Commit, CommitResult } from '../../src/store/port.ts';
import { seeded } from '../soak/random.ts';
import type { ModelEngines } from './model-devices.ts';
import { Link } from './model-link.ts';
import { DistantGraph, DistantStore } from './model-node.ts';
import type { Plant } from './model-plant.ts';
import { settle, type VirtualTime } from './model-time.ts';
import { visible } from './model-watching.ts';

/** How bad the network is. */
export interface Weather {
  readonly seed: number;
  readonly lagMs: Millis;
  readonly losing: number;
  readonly repeating: number;
  readonly apartMs: Millis;
}

/** Rule 3, seen from beside the store: what is published is what somebody can see, and it is published once. */
class WatchedStore extends MemoryPresenceStore {
  readonly #before = new Map<string, PresenceRecord>();
  commits = 0;
  published = 0;

  override async commit(commit: Commit): Promise<CommitResult> {
    const result = await super.commit(commit);
    if (!result.committed) return result;
    this.commits += 1;
    if (commit.visible) this.published += 1;
    const before = this.#before.get(commit.userId) ?? EMPTY_RECORD;
    this.#before.set(commit.userId, result.record);
    if (before.rev !== commit.previous.rev) throw new Error('rule 3.2: a commit over another one that was first');
    if (result.record.rev <= before.rev) throw new Error('rule 3.7: a revision that did not grow');
    const changed = visible(before) !== visible(result.record);
    if (changed && !commit.visible)
      throw new Error(`rule 3.1: not published: ${JSON.stringify([before, result.record])}`);
    if (!changed && commit.visible) throw new Error(`rule 3.3: published: ${JSON.stringify([before, result.record])}`);
    return result;
  }
}

/** The embedded engine, shared by nodes over bad links, in virtual time. */
export class MemoryPlant implements Plant {
  readonly lateMs: Millis;
  readonly agreeMs: Millis = 0;
  readonly store: WatchedStore;
  readonly friends: MemoryFriendGraph;
  readonly #time: VirtualTime;
  readonly #weather: Weather;
  readonly #random: () => number;
  readonly #links: Link[] = [];
  #calm = false;

  constructor(time: VirtualTime, weather: Weather) {
    this.#time = time;
    this.#weather = weather;
    this.#random = seeded(weather.seed);
    // Told, read, and whoever is told waits for one that is being read already.
    this.lateMs = weather.lagMs * 10;
    const clock = { now: () => time.now() };
    this.store = new WatchedStore({ clock });
    this.friends = new MemoryFriendGraph(clock);
  }

  now(): Millis {
    return this.#time.now();
  }

  pass(ms: Millis): Promise<void> {
    return this.#time.pass(ms);
  }

  settle(): Promise<void> {
    return this.#time.pass(0);
  }

  calm(): void {
    this.#calm = true;
  }

  async open(): Promise<ModelEngines> {
    const { lagMs, losing, repeating, apartMs } = this.#weather;
    const link = new Link();
    link.lag = () => (this.#calm ? 0 : Math.floor(this.#random() * (lagMs + 1)));
    link.fate = () => {
      if (this.#calm) return 'deliver';
      const chance = this.#random();
      return chance < losing ? 'lose' : chance < losing + repeating ? 'repeat' : 'deliver';
    };
    const aheadMs = this.#links.length % 2 === 0 ? 0 : apartMs;
    this.#links.push(link);
    const store = new DistantStore(this.store, link, aheadMs);
    const friends = new DistantGraph(this.friends, link);
    return {
      store,
      friends,
      sleep: () => link.stall(),
      cut: () => link.cut(),
      heal: () => link.heal(),
      kill: async () => {
        link.kill();
        await store.close();
        await friends.close();
      },
    };
  }

  async close(): Promise<void> {
    await this.friends.close();
    await this.store.close();
    await settle();
  }
}
