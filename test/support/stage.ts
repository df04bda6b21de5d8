import { type Actor, type ActorOptions, BeatingActor, BoundActor, post } from './actors.ts';
import { differencesFromQueries, differencesFromTruth } from './comparison.ts';
import { type FleetNode, LEASE_MS, SPANS, startFleet } from './fleet.ts';
import { Observer } from './observer.ts';
import { Truth } from './truth.ts';

const SYNC_FRIENDS = `mutation ($input: SyncFriendsInput!) { syncFriends(input: $input) { added removed } }`;
const REMOVE_FRIEND = `mutation ($input: RemoveFriendInput!) { removeFriend(input: $input) { viewer { id } } }`;
const BLOCK_USER = `mutation ($input: BlockUserInput!) { blockUser(input: $input) { viewer { id } } }`;
const UNBLOCK_USER = `mutation ($input: UnblockUserInput!) { unblockUser(input: $input) { viewer { id } } }`;
const BACKEND = 'admin:backend';
const RETRY_MS = 50;
const CONVERGE_MS = 20_000;
const SAY_AGAIN_MS = 500;
/** How long after the healing of its way to the store a node may take until it has said again what it holds. */
const REASSERT_MS = 3_000;

export interface StageOptions {
  readonly engineUrl: string;
  readonly nodes?: number;
  /** Users whose session is bound to a WebSocket, users who send heartbeats over HTTP, and viewers who follow them all. */
  readonly bound?: number;
  readonly beating?: number;
  readonly observers?: number;
  /** How wrong the wall clock of each node is, ms; none where it is left out. */
  readonly clockShiftsMs?: readonly number[];
  /** Comes before the names of all users, so that scenarios can share servers. */
  readonly name: string;
}

/** A time in which nobody can know from a node that its clients are here. */
interface Discount {
  readonly from: number;
  until: number;
}

/** Nodes, users who come and go, viewers who watch them, and the truth that all is held against. */
export class Stage {
  readonly truth = new Truth();
  readonly nodes: readonly FleetNode[];
  readonly bound: BoundActor[] = [];
  readonly beating: BeatingActor[] = [];
  readonly observers: Observer[] = [];
  readonly #name: string;
  readonly #ownsNodes: boolean;
  /** By the number of a node, or the id of a user. */
  readonly #discounts = new Map<number | string, Discount[]>();

  private constructor(name: string, nodes: readonly FleetNode[], ownsNodes: boolean) {
    this.#name = name;
    this.nodes = nodes;
    this.#ownsNodes = ownsNodes;
  }

  /** Resolves when everybody is here and every viewer sees so. `nodes`: those of another stage, which closes them. */
  static async open(options: StageOptions, nodes?: readonly FleetNode[]): Promise<Stage> {
    const { engineUrl, clockShiftsMs = [], bound = 6, beating = 3, observers = 6, name } = options;
    const fleet =
      nodes ??
      (clockShiftsMs.length === 0
        ? await startFleet(options.nodes ?? 3, { engineUrl })
        : (await Promise.all(clockShiftsMs.map((clockShiftMs) => startFleet(1, { engineUrl, clockShiftMs })))).flat());
    const stage = new Stage(name, fleet, nodes === undefined);
    try {
      for (let index = 0; index < bound; index++) stage.addBound(`bound${index}`, index);
      for (let index = 0; index < beating; index++) stage.addBeating(`beating${index}`, index);
      const viewers = Array.from({ length: observers }, (_, index) => `${name}-viewer${index}`);
      for (const viewer of viewers) await stage.befriendAll(viewer);
      for (const [index, viewer] of viewers.entries()) stage.addObserver(viewer, index);
      await Promise.all(stage.actors.map((actor) => actor.start()));
      await stage.converge();
      return stage;
    } catch (error) {
      await stage.close();
      throw error;
    }
  }

  get actors(): readonly Actor[] {
    return [...this.bound, ...this.beating];
  }

  get urls(): string[] {
    return this.nodes.map(({ url }) => url);
  }

  addBound(name: string, first: number, urls = this.urls): BoundActor {
    const actor = new BoundActor(this.#options(name, first, urls));
    this.bound.push(actor);
    return actor;
  }

  addBeating(name: string, first: number, urls = this.urls): BeatingActor {
    const actor = new BeatingActor(this.#options(name, first, urls));
    this.beating.push(actor);
    return actor;
  }

  /** The same user with a new client, who has been gone; resolves when they are here. */
  async comeBack(actor: Actor): Promise<void> {
    const name = actor.userId.slice(this.#name.length + 1);
    const first = Math.floor(Math.random() * this.nodes.length);
    const { mood } = actor;
    if (mood !== null) throw new Error(`${actor.userId} is here.`);
    const [list, again] =
      actor instanceof BoundActor
        ? [this.bound, this.addBound(name, first)]
        : [this.beating, this.addBeating(name, first)];
    list.splice(
      list.findIndex(({ userId }) => userId === actor.userId),
      1,
    );
    again.text = actor.text;
    again.unanswered = actor.unanswered;
    again.lateUntil = actor.lateUntil;
    await again.start();
  }

  /** They come, and are everybody's friends. Resolves when every viewer sees that they are here. */
  async introduce(...actors: readonly Actor[]): Promise<void> {
    for (const { userId } of this.observers) await this.befriendAll(userId);
    await Promise.all(actors.map((actor) => actor.start()));
    const seen = actors.flatMap(({ userId }) => this.observers.map((observer) => observer.seesHere(userId)));
    await Promise.all(seen);
  }

  addObserver(userId: string, first: number): Observer {
    const observer = new Observer(userId, this.urls, first % this.nodes.length, this.truth);
    this.observers.push(observer);
    return observer;
  }

  /** As the application's backend makes exactly these the friends of `viewer`. Tries until a node has answered. */
  async befriend(viewer: string, friendIds: readonly string[]): Promise<void> {
    const settle: (() => void)[] = [];
    for (const { userId } of this.actors) {
      const friendship = this.truth.friendship(viewer, userId);
      if (friendship.value !== friendIds.includes(userId)) settle.push(friendship.change(friendIds.includes(userId)));
    }
    await this.retry((url) => post(url, BACKEND, SYNC_FRIENDS, { input: { userId: viewer, friendIds } }));
    for (const settled of settle) settled();
  }

  async befriendAll(viewer: string): Promise<void> {
    await this.befriend(
      viewer,
      this.actors.map(({ userId }) => userId),
    );
  }

  /** `userId` ends the friendship with `other`, or blocks them. */
  async part(userId: string, other: string, how: 'remove' | 'block'): Promise<void> {
    const settled = this.truth.friendship(userId, other).change(false);
    const document = how === 'remove' ? REMOVE_FRIEND : BLOCK_USER;
    await this.retry((url) => post(url, userId, document, { input: { userId: other } }));
    settled();
    this.truth.note(`${userId} ${how}s ${other}`);
  }

  /** Takes back the blocks between the two. They are no friends by that. */
  async reconcile(userId: string, other: string): Promise<void> {
    await this.retry((url) => post(url, userId, UNBLOCK_USER, { input: { userId: other } }));
    await this.retry((url) => post(url, other, UNBLOCK_USER, { input: { userId } }));
  }

  /** All who are here say once more how they are: what is delivered late would else be the last that was heard of them. */
  async sayAgain(actors: readonly Actor[] = this.actors): Promise<void> {
    await Promise.all(
      actors.map(async (actor) => {
        if (actor.mood === null) return;
        if (actor.text !== null) await actor.say(actor.text);
        await actor.turn(actor.mood);
      }),
    );
  }

  /** Asks one node after the other until one answers. */
  async retry<T>(ask: (url: string) => Promise<T>): Promise<T> {
    const until = Date.now() + CONVERGE_MS;
    for (let attempt = 0; ; attempt++) {
      try {
        return await ask(this.urls[attempt % this.nodes.length] ?? '');
      } catch (error) {
        if (Date.now() > until) throw error;
        await sleep(RETRY_MS);
      }
    }
  }

  /** The node is dead: by the rules what it held lives on all the same. It has renewed its lease while that was current. */
  died(node: number): void {
    const now = Date.now();
    this.truth.note(`node ${node} is dead`);
    for (const actor of this.bound) {
      if (actor.isBound && actor.node === node) actor.life.prove(now - 1, now + LEASE_MS - SPANS.nodeLeaseMs);
    }
  }

  /**
   * The node cannot reach the store, and its clients cannot know. By rule 2.2 they are here for as long as its lease lets
   * the others think so, and what they do counts again when it has been back for a moment.
   */
  cutOff(node: number): () => void {
    this.died(node);
    const span = { from: Date.now(), until: Number.POSITIVE_INFINITY };
    this.#discount(node, span);
    // Others may come to it meanwhile.
    const asks = this.bound.map(({ life, status }) => life.ask('beat', status));
    return () => {
      span.until = Date.now() + REASSERT_MS;
      for (const ask of asks) ask.doneAt = span.until;
    };
  }

  /** The store was away for everybody from `from` until now: nobody is gone because of that. */
  outage(from: number): void {
    const now = Date.now();
    for (const actor of this.beating) {
      if (actor.mood !== null && actor.life.provenUntil >= from) actor.life.prove(from, now + LEASE_MS);
    }
  }

  /**
   * The store, away since `from`, is back with older data: rule 5.5. Whatever it has lost of those who are here it has been
   * told again a moment later; `forgotten` are those who were not here yet by that data.
   */
  lostWrites(from: number, forgotten: readonly Actor[] = []): void {
    const now = Date.now();
    this.truth.lostDataAt = now;
    for (const { userId, life } of forgotten) {
      life.end(from);
      this.#discount(userId, { from, until: now + REASSERT_MS });
    }
    for (const { life, status, mood } of this.actors) {
      if (mood !== null) life.ask('activity', status, from).doneAt = now + REASSERT_MS;
    }
    this.outage(from);
  }

  /**
   * Whatever the store is told from now on, of whomever, it may lose. The function returned is to be called when it is back
   * with older data: a moment later whoever is here counts as here again, rule 5.5.
   */
  losesWrites(): () => void {
    this.truth.lostDataAt = Number.POSITIVE_INFINITY;
    const span = { from: Date.now(), until: Number.POSITIVE_INFINITY };
    const asks = this.actors.map(({ life, status, userId }) => {
      this.#discount(userId, span);
      life.end(span.from);
      return life.ask('activity', status);
    });
    return () => {
      this.truth.lostDataAt = Date.now();
      span.until = Date.now() + REASSERT_MS;
      for (const ask of asks) ask.doneAt = span.until;
    };
  }

  /**
   * The store loses its data now, friend lists included. The function returned is to be called when it is back: a moment
   * later whoever has an open connection counts as here again, rule 10.4.
   */
  emptied(): () => void {
    this.truth.lostDataAt = Number.POSITIVE_INFINITY;
    const from = Date.now();
    const span = { from, until: Number.POSITIVE_INFINITY };
    for (const node of this.nodes.keys()) this.#discount(node, span);
    const asks = this.actors.flatMap((actor) => {
      const { life, status, mood } = actor;
      life.end(from);
      // Brought back by rule 5.6 if somebody remembers it.
      if (actor.text !== null) actor.unanswered += 1;
      return mood === null ? [] : [life.ask('beat', status)];
    });
    // Until the nodes have noticed, they go by the lists that they know.
    const forgotten = this.observers.flatMap(({ userId: viewer }) =>
      this.actors.map(({ userId }) => this.truth.friendship(viewer, userId).change(false)),
    );
    return () => {
      for (const settled of forgotten) settled();
      this.truth.lostDataAt = Date.now();
      span.until = Date.now() + REASSERT_MS;
      for (const ask of asks) ask.doneAt = span.until;
    };
  }

  /** Resolves with how long it took until every viewer had what a fresh query says at every node, and what is true. */
  async converge(withinMs = CONVERGE_MS): Promise<number> {
    const from = Date.now();
    let sayAgainAt = from;
    for (;;) {
      const differences = this.differences();
      if (differences.length === 0) differences.push(...(await differencesFromQueries(this.observers, this.urls)));
      if (differences.length === 0) return Date.now() - from;
      differences.push(...this.nodes.flatMap(({ fault }) => fault ?? []));
      if (Date.now() - from > withinMs) {
        const users = (differences[0] ?? '').match(/\b[\w-]+-\w+/g) ?? [];
        const history = this.truth.history(users, 60);
        throw new Error([`After ${withinMs} ms:`, ...differences.slice(0, 12), ...history].join('\n'));
      }
      if (Date.now() > sayAgainAt) {
        sayAgainAt = Date.now() + SAY_AGAIN_MS;
        await this.#correctLate();
      }
      await sleep(RETRY_MS);
    }
  }

  /** Whoever may have been heard late says once more how they are. */
  async #correctLate(): Promise<void> {
    const late = this.actors.filter(({ lateUntil }) => lateUntil !== null);
    const now = Date.now();
    await this.sayAgain(late);
    for (const actor of late) if ((actor.lateUntil ?? 0) < now) actor.lateUntil = null;
  }

  /** Where what viewers hold is not what is true: nowhere once all is quiet. */
  differences(observers: readonly Observer[] = this.observers): string[] {
    return differencesFromTruth(this.truth, this.actors, observers);
  }

  /** All that was found wrong, by the end of a run. */
  verdict(): string[] {
    this.truth.judge(true);
    return [...this.truth.violations, ...this.nodes.flatMap(({ fault }) => fault ?? [])];
  }

  /** One line of figures. */
  report(scenario: string, figures: Readonly<Record<string, number | string>>): void {
    const { frames, states, repeats, resets, stale, falseOffline } = this.truth.tally;
    const all = { ...figures, 'false OFFLINE': falseOffline, frames, states, repeats, resets, stale };
    const text = Object.entries(all).map(([name, value]) => `${name} ${value}`);
    console.log(`${scenario}: ${text.join(', ')}`);
  }

  async close(): Promise<void> {
    for (const observer of this.observers) observer.close();
    for (const actor of this.actors) actor.vanish();
    if (this.#ownsNodes) await Promise.all(this.nodes.map((node) => node.close()));
  }

  #discount(whose: number | string, span: Discount): void {
    this.#discounts.set(whose, [...(this.#discounts.get(whose) ?? []), span]);
  }

  #options(name: string, first: number, urls: readonly string[]): ActorOptions {
    const userId = `${this.#name}-${name}`;
    const counts = (node: number, at: number): boolean =>
      ![...(this.#discounts.get(node) ?? []), ...(this.#discounts.get(userId) ?? [])].some(
        ({ from, until }) => at >= from && at < until,
      );
    return { userId, urls, first: first % urls.length, truth: this.truth, counts };
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
