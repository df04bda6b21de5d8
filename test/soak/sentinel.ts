import type { RedisServer } from '../support/redis.ts';
import { type SentinelGroup, startSentinelGroup } from '../support/sentinel.ts';
import { sleep } from '../support/stage.ts';
import { between, oneOf } from './random.ts';
import { befriendEverybody, type Engine, type Failures, quietly, type Scene, untilForgotten } from './scene.ts';

/** No busy machine makes a master as silent as that, so that only what is injected leads to a failover. */
const DOWN_AFTER_MS = 5_000;

/** A master with two replicas, and three sentinels who choose another master when it is silent. */
export async function startSentinels(): Promise<Engine> {
  const group = await startSentinelGroup({ downAfterMs: DOWN_AFTER_MS });
  return { url: group.url, failures: failuresOf(group), stop: () => group.stop() };
}

function failuresOf(group: SentinelGroup): Failures {
  return {
    'failover as an operator asks for it': (scene) =>
      failOver(group, scene, async () => {
        await group.failOver();
      }),

    'failover after a crash': (scene) =>
      failOver(group, scene, async (master) => {
        await master.kill('SIGKILL');
      }),

    'failover with lost writes': (scene) =>
      failOver(group, scene, async () => {
        await group.detachReplicas();
        await sleep(between(scene.random, 50, 1_500));
        await group.failOver();
      }),

    'the master paused': async ({ stage, random }) => {
      const from = Date.now();
      const master = await group.master();
      await master.kill('SIGSTOP');
      // Less than after which the sentinels choose another one.
      await sleep(between(random, 50, 900));
      await master.kill('SIGCONT');
      stage.outage(from);
    },

    'a sentinel killed': async ({ random }) => {
      const sentinel = oneOf(random, group.sentinels);
      await sentinel.kill('SIGKILL');
      await sleep(between(random, 0, 2_000));
      await sentinel.restart();
    },

    'the master flushed under its connections': (scene) =>
      quietly(scene, async () => {
        const isBack = scene.stage.emptied();
        await group.ask(await group.master(), 'FLUSHALL');
        await untilForgotten(scene);
        isBack();
        await befriendEverybody(scene.stage);
      }),

    'subscribers cut off': async ({ random }) => {
      for (let round = Math.ceil(random() * 4); round > 0; round--) {
        await group.ask(await group.master(), 'CLIENT', 'KILL', 'TYPE', 'pubsub');
        await sleep(between(random, 0, 300));
      }
    },

    'scripts flushed': async () => {
      await group.ask(await group.master(), 'SCRIPT', 'FLUSH');
    },
  };
}

/** `fail` makes the sentinels choose another master; the old one comes back as its replica. */
async function failOver(
  group: SentinelGroup,
  { stage, bustle }: Scene,
  fail: (master: RedisServer) => Promise<void>,
): Promise<void> {
  const isBack = stage.losesWrites();
  const old = await group.master();
  await fail(old);
  await group.untilMasterIsNot(old).catch(async () => {
    // They have begun, and found nobody whom they would choose.
    await group.failOver();
    await group.untilMasterIsNot(old);
  });
  if (old.pid === null) await old.restart();
  // What nodes have told the old one until then is lost.
  await Promise.all(group.servers.map((server) => followed(group, server)));
  isBack();
  await bustle.rest();
  await stage.sayAgain();
  bustle.goOn();
}

async function followed(group: SentinelGroup, server: RedisServer): Promise<void> {
  if (server !== (await group.master())) await group.untilReplica(server);
}
