import type { Actor } from '../support/actors.ts';
import { LEASE_MS, SPANS } from '../support/fleet.ts';
import { sleep } from '../support/stage.ts';
import { between, oneOf } from './random.ts';
import { anyNode, type Failures, hereOf, type Scene } from './scene.ts';

/** What goes wrong with nodes, clients and the network between them, whatever the engine. */
export const FAILURES: Failures = {
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
