import type { Redis } from 'ioredis';
import type { Actor } from '../support/actors.ts';
import type { Bustle } from '../support/bustle.ts';
import { type FleetNode, LEASE_MS, RENEWAL_MS, SPANS } from '../support/fleet.ts';
import type { RedisServer } from '../support/redis.ts';
import { type Stage, sleep } from '../support/stage.ts';
import type { Measures } from './measures.ts';
import { between, oneOf } from './random.ts';

const AUDIT_MS = 12_000;

export interface Scene {
  readonly stage: Stage;
  readonly bustle: Bustle;
  readonly redis: RedisServer;
  /** A connection of the test's own. */
  readonly admin: Redis;
  readonly random: () => number;
  readonly measures: Measures;
}

/** Something that goes wrong. Resolves when it is right again, as far as it can be put right from outside. */
export type Failure = (scene: Scene) => Promise<void>;

/** How often each is chosen: as often as its name stands here. */
export const FAILURES: Readonly<Record<string, Failure>> = {
  'SIGKILL of a node': async (scene) => {
    const { node, number } = anyNode(scene);
    scene.stage.died(number);
    await node.kill();
    await sleep(between(scene.random, 0, LEASE_MS));
    await node.restart();
  },

  'SIGTERM of a node': async (scene) => {
    await anyNode(scene).node.replace();
  },

  'SIGSTOP shorter than the lease': async (scene) => {
    const { node } = anyNode(scene);
    node.pause();
    await sleep(between(scene.random, 50, SPANS.nodeLeaseMs * 0.8));
    node.wake();
  },

  'SIGSTOP longer than the lease': async (scene) => {
    const { node, number } = anyNode(scene);
    scene.stage.died(number);
    node.pause();
    await sleep(between(scene.random, 2 * SPANS.nodeLeaseMs, 2 * LEASE_MS));
    node.wake();
  },

  'Redis killed, with its data': async ({ stage, redis, random }) => {
    const from = Date.now();
    await redis.kill('SIGKILL');
    await sleep(between(random, 0, 2 * LEASE_MS));
    await redis.restart();
    stage.outage(from);
  },

  'Redis paused': async ({ stage, redis, random }) => {
    const from = Date.now();
    await redis.kill('SIGSTOP');
    await sleep(between(random, 50, 1.5 * LEASE_MS));
    await redis.kill('SIGCONT');
    stage.outage(from);
  },

  'Redis emptied': async ({ stage, bustle, admin, redis }) => {
    await bustle.rest();
    const isBack = stage.emptied();
    await admin.flushall();
    await redis.restart();
    isBack();
    for (const viewer of viewersOf(stage)) await stage.befriendAll(viewer);
    bustle.goOn();
  },

  'Redis flushed under its connections': async ({ stage, bustle, admin }) => {
    await bustle.rest();
    const isBack = stage.emptied();
    await admin.flushall();
    // What no event tells is noticed by an audit: rule 5.3.
    await sleep(AUDIT_MS);
    isBack();
    for (const viewer of viewersOf(stage)) await stage.befriendAll(viewer);
    bustle.goOn();
  },

  'subscribers cut off': async ({ admin, random }) => {
    for (let round = Math.ceil(random() * 4); round > 0; round--) {
      await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
      await sleep(between(random, 0, 300));
    }
  },

  'all connections of Redis cut': async ({ admin, random }) => {
    for (let round = Math.ceil(random() * 3); round > 0; round--) {
      await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
      await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
      await sleep(between(random, 0, 200));
    }
  },

  'scripts flushed': async ({ admin }) => {
    await admin.script('FLUSH');
  },

  'one node refused by Redis, briefly': (scene) => cutBriefly(scene, 'cut'),
  'one node in a black hole before Redis, briefly': (scene) => cutBriefly(scene, 'stall'),
  'one node refused by Redis, for long': (scene) => cutForLong(scene, 'cut'),
  'one node in a black hole before Redis, for long': (scene) => cutForLong(scene, 'stall'),

  'all clients of a node cut off': async (scene) => {
    anyNode(scene).node.front.reset();
  },

  'all clients in a black hole before a node': async (scene) => {
    const { front } = anyNode(scene).node;
    front.stall();
    await sleep(between(scene.random, 50, 1.5 * LEASE_MS));
    await front.heal();
    await scene.bustle.rest();
    await sleep(between(scene.random, 200, 500));
    await scene.stage.sayAgain();
    scene.bustle.goOn();
  },

  'everybody cut off at once': async ({ stage }) => {
    for (const { front } of stage.nodes) front.reset();
  },

  'a client is gone': async (scene) => {
    const actor = oneOf(scene.random, hereOf(scene.stage));
    const goneAt = Date.now();
    const isBound = scene.stage.bound.some(({ userId }) => userId === actor.userId);
    actor.vanish();
    await seenGone(scene, actor, isBound ? 'ghost of a closed connection' : 'ghost of heartbeats', goneAt);
    await scene.stage.comeBack(actor);
  },

  'a user signs out': async (scene) => {
    const actor = oneOf(scene.random, hereOf(scene.stage));
    await actor.leave();
    await seenGone(scene, actor, 'after the end of a session', Date.now());
    await scene.stage.comeBack(actor);
  },

  'a viewer is away meanwhile': async (scene) => {
    const { stage, random } = scene;
    const viewer = oneOf(random, stage.observers);
    const [a, b, c] = shuffled(random, hereOf(stage));
    viewer.goAway();
    await a?.hide(true, random() < 0.5 ? viewer.userId : null);
    if (b) await stage.part(viewer.userId, b.userId, random() < 0.5 ? 'remove' : 'block');
    await c?.say(`away ${Math.floor(random() * 1e6)}`);
    await sleep(between(random, 0, 1_000));
    viewer.comeBack(Math.floor(random() * stage.nodes.length));
    await sleep(between(random, 0, 1_000));
    await a?.hide(false, viewer.userId);
    await a?.hide(false);
    if (b) await stage.reconcile(viewer.userId, b.userId);
    await stage.befriendAll(viewer.userId);
  },
};

function anyNode({ stage, random }: Scene): { readonly node: FleetNode; readonly number: number } {
  const [number, node] = oneOf(random, [...stage.nodes.entries()]);
  return { node, number };
}

function hereOf(stage: Stage): Actor[] {
  return stage.actors.filter(({ mood }) => mood !== null);
}

function viewersOf(stage: Stage): string[] {
  return [...new Set(stage.observers.map(({ userId }) => userId))];
}

async function cutBriefly(scene: Scene, how: 'cut' | 'stall'): Promise<void> {
  const { node } = anyNode(scene);
  await node.back?.[how]();
  await sleep(between(scene.random, 0, (LEASE_MS - RENEWAL_MS) / (how === 'cut' ? 3 : 1.4)));
  await node.back?.heal();
}

async function cutForLong(scene: Scene, how: 'cut' | 'stall'): Promise<void> {
  const { node, number } = anyNode(scene);
  const isBack = scene.stage.cutOff(number);
  await node.back?.[how]();
  await sleep(between(scene.random, LEASE_MS / 2, 2 * LEASE_MS));
  await node.back?.heal();
  isBack();
}

async function seenGone({ stage, measures }: Scene, actor: Actor, what: string, goneAt: number): Promise<void> {
  const seen = await Promise.all(stage.observers.map((observer) => observer.sees(actor.userId, 'OFFLINE')));
  measures.add(what, Math.max(...seen) - goneAt);
}

function shuffled<T>(random: () => number, items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, order: random() }))
    .sort((a, b) => a.order - b.order)
    .map(({ item }) => item);
}
