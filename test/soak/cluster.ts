import { DEFAULT_PARTITIONS, META_KEY, NODES_KEY, Partitions } from '../../src/redis/partitions.ts';
import { slotOf } from '../../src/redis/slot.ts';
import { LEASE_MS } from '../support/fleet.ts';
import { type ClusterNode, type RedisCluster, startRedisCluster } from '../support/redis-cluster.ts';
import { sleep } from '../support/stage.ts';
import { between, oneOf } from './random.ts';
import { befriendEverybody, type Engine, type Failures, quietly, type Scene, untilForgotten } from './scene.ts';

/** Three masters that write everything down, each with a replica that takes its place when it is told to. */
export async function startCluster(): Promise<Engine> {
  const cluster = await startRedisCluster({
    masters: 3,
    replicas: 1,
    args: ['--appendonly', 'yes', '--appendfsync', 'always'],
  });
  return { url: cluster.url, failures: failuresOf(cluster), stop: () => cluster.stop() };
}

function failuresOf(cluster: RedisCluster): Failures {
  return {
    'a slot moved': async ({ random }) => {
      await moveOne(cluster, random, between(random, 0, 500));
    },

    'many slots moved': async ({ random }) => {
      for (let count = 0; count < 8; count++) await moveOne(cluster, random, 0);
    },

    'failover in good order': async ({ stage, random }) => {
      const from = Date.now();
      await cluster.handOver(await cluster.replicaOf(await oneMaster(cluster, random)));
      await cluster.settled();
      stage.outage(from);
    },

    'failover after a crash': (scene) => failOver(cluster, scene, 0),

    'failover with lost writes': (scene) => failOver(cluster, scene, between(scene.random, 50, 1_500)),

    'a master killed, with its data': async ({ stage, random }) => {
      const from = Date.now();
      const master = await oneMaster(cluster, random);
      await master.kill();
      await sleep(between(random, 0, 2 * LEASE_MS));
      await master.restart();
      await cluster.settled();
      stage.outage(from);
    },

    'all servers killed, with their data': async ({ stage, random }) => {
      const from = Date.now();
      await Promise.all(cluster.nodes.map((node) => node.kill()));
      await sleep(between(random, 0, LEASE_MS));
      await Promise.all(cluster.nodes.map((node) => node.restart()));
      await cluster.settled();
      stage.outage(from);
    },

    'a master paused': async ({ stage, random }) => {
      const from = Date.now();
      const master = await oneMaster(cluster, random);
      await master.pause();
      await sleep(between(random, 50, 1.5 * LEASE_MS));
      await master.wake();
      await cluster.settled();
      stage.outage(from);
    },

    'all masters flushed under their connections': (scene) =>
      quietly(scene, async () => {
        const isBack = scene.stage.emptied();
        await cluster.each((operator) => operator.flushall());
        await untilForgotten(scene);
        isBack();
        await befriendEverybody(scene.stage);
      }),

    'subscribers cut off': async ({ random }) => {
      for (let round = Math.ceil(random() * 4); round > 0; round--) {
        await cluster.each((operator) => operator.call('CLIENT', 'KILL', 'TYPE', 'pubsub'));
        await sleep(between(random, 0, 300));
      }
    },

    'all connections of Redis cut': async ({ random }) => {
      for (let round = Math.ceil(random() * 3); round > 0; round--) {
        await cluster.each((operator) => operator.call('CLIENT', 'KILL', 'TYPE', 'pubsub'));
        await cluster.each((operator) => operator.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'));
        await sleep(between(random, 0, 200));
      }
    },

    'scripts flushed': async () => {
      await cluster.each((operator) => operator.script('FLUSH'));
    },
  };
}

/** A master dies, and a replica that has been told nothing for `lostMs` takes its place. */
async function failOver(cluster: RedisCluster, { stage, bustle, random }: Scene, lostMs: number): Promise<void> {
  const isBack = stage.losesWrites();
  const master = await oneMaster(cluster, random);
  const replica = await cluster.replicaOf(master);
  if (lostMs > 0) await cluster.breakReplication(master);
  await sleep(lostMs);
  await master.kill();
  await sleep(between(random, 0, LEASE_MS / 2));
  await cluster.promote(replica);
  await cluster.settled();
  isBack();
  await bustle.rest();
  await stage.sayAgain();
  bustle.goOn();
  // As a replica of the one that took its place.
  await master.restart();
  await cluster.settled();
}

async function oneMaster(cluster: RedisCluster, random: () => number): Promise<ClusterNode> {
  const masters = await cluster.masters();
  return oneOf(
    random,
    masters.toSorted((a, b) => a.server.port - b.server.port),
  );
}

/** Of those in use: of a partition, of the friend lists, of the leases of nodes or of the dataset's name. */
async function moveOne(cluster: RedisCluster, random: () => number, dividedMs: number): Promise<void> {
  const partitions = new Partitions(DEFAULT_PARTITIONS);
  const others = [META_KEY, NODES_KEY, '{friends}'];
  const number = Math.floor(random() * (DEFAULT_PARTITIONS + others.length));
  const slot = slotOf(others[number - DEFAULT_PARTITIONS] ?? partitions.key(number, 'head'));
  const owner = await cluster.ownerOf(slot);
  const to = oneOf(
    random,
    (await cluster.masters()).filter((node) => node !== owner),
  );
  await cluster.moveSlot(slot, to, { dividedMs });
}
