import { Redis } from 'ioredis';
import { LEASE_MS, SPANS } from '../support/fleet.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { sleep } from '../support/stage.ts';
import { between } from './random.ts';
import {
  anyNode,
  befriendEverybody,
  type Engine,
  type Failures,
  quietly,
  type Scene,
  untilForgotten,
} from './scene.ts';

/** One Redis server that writes everything down. Each node comes to it over a network that can be broken. */
export async function startOneServer(): Promise<Engine> {
  const redis = await startRedis({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] });
  const admin = new Redis(redis.url, { retryStrategy: () => 50 });
  admin.on('error', () => undefined);
  return {
    url: redis.url,
    failures: { ...failuresOf(redis, admin), ...CUTS },
    stop: async () => {
      admin.disconnect();
      await redis.stop();
    },
  };
}

/** A node that was refused for so long tries again after as long at the most. A black hole outlasts the node's lease. */
const BRIEFLY_MS = { cut: LEASE_MS / 8, stall: SPANS.nodeLeaseMs + 150 };

const CUTS: Failures = {
  'one node refused by Redis, briefly': (scene) => cutBriefly(scene, 'cut'),
  'one node in a black hole before Redis, briefly': (scene) => cutBriefly(scene, 'stall'),
  'one node refused by Redis, for long': (scene) => cutForLong(scene, 'cut'),
  'one node in a black hole before Redis, for long': (scene) => cutForLong(scene, 'stall'),
};

function failuresOf(redis: RedisServer, admin: Redis): Failures {
  return {
    'Redis killed, with its data': async ({ stage, random }) => {
      const from = Date.now();
      await redis.kill('SIGKILL');
      await sleep(between(random, 0, 2 * LEASE_MS));
      await redis.restart();
      stage.outage(from);
    },

    'Redis paused': async ({ stage, random }) => {
      const from = Date.now();
      await redis.kill('SIGSTOP');
      await sleep(between(random, 50, 1.5 * LEASE_MS));
      await redis.kill('SIGCONT');
      stage.outage(from);
    },

    'Redis emptied': (scene) =>
      quietly(scene, async () => {
        const isBack = scene.stage.emptied();
        await admin.flushall();
        await redis.restart();
        isBack();
        await befriendEverybody(scene.stage);
      }),

    'Redis flushed under its connections': (scene) =>
      quietly(scene, async () => {
        const isBack = scene.stage.emptied();
        await admin.flushall();
        await untilForgotten(scene);
        isBack();
        await befriendEverybody(scene.stage);
      }),

    'subscribers cut off': async ({ random }) => {
      for (let round = Math.ceil(random() * 4); round > 0; round--) {
        await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
        await sleep(between(random, 0, 300));
      }
    },

    'all connections of Redis cut': async ({ random }) => {
      for (let round = Math.ceil(random() * 3); round > 0; round--) {
        await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
        await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
        await sleep(between(random, 0, 200));
      }
    },

    'scripts flushed': async () => {
      await admin.script('FLUSH');
    },
  };
}

async function cutBriefly(scene: Scene, how: 'cut' | 'stall'): Promise<void> {
  const { node } = anyNode(scene);
  await node.back?.[how]();
  await sleep(between(scene.random, 0, BRIEFLY_MS[how]));
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
