import { describe, it } from 'vitest';
import { META_KEY, NODES_KEY, Partitions } from '../../src/redis/partitions.ts';
import { slotOf } from '../../src/redis/slot.ts';
import { startRedisCluster } from '../support/redis-cluster.ts';
import { EngineScenarios } from '../support/scenarios.ts';
import { sleep } from '../support/stage.ts';

const partitions = new Partitions(64);
const scenes = new EngineScenarios({
  name: 'move',
  nodes: 2,
  bound: 6,
  beating: 4,
  observers: 3,
  start: () => startRedisCluster(),
});

/** To the next master and on, while everybody is busy. */
async function moveAll(slots: Iterable<number>, dividedMs: number): Promise<void> {
  const { nodes } = scenes.engine;
  for (const slot of slots) {
    const owner = await scenes.engine.ownerOf(slot);
    const to = nodes[(nodes.indexOf(owner) + 1) % nodes.length];
    if (to) await scenes.engine.moveSlot(slot, to, { dividedMs });
  }
}

describe('slots that move while everybody is busy', () => {
  it('rules 5.2, 10.3: those of partitions with people who are watched', { timeout: 120_000 }, async () => {
    const slots = new Set(
      scenes.stage.actors.map(({ userId }) => slotOf(partitions.key(partitions.of(userId), 'head'))),
    );
    await moveAll(slots, 150);
    await scenes.conclude('slots of partitions move');
  });

  for (const [what, key] of [
    ['the friend lists', '{friends}'],
    ['the leases of nodes and the clock', NODES_KEY],
    ["the dataset's name", META_KEY],
  ] as const) {
    it(`rules 5.2, 10.3: that of ${what}`, async () => {
      const { stage } = scenes;
      const moving = moveAll([slotOf(key), slotOf(key)], 500);
      const [viewer] = stage.observers;
      const [friend] = stage.actors;
      if (!viewer || !friend) throw new Error('Nobody is there.');
      await stage.part(viewer.userId, friend.userId, 'remove');
      await viewer.sees(friend.userId, undefined);
      await stage.befriendAll(viewer.userId);
      await viewer.until('the friend', () => viewer.roster.has(friend.userId));
      await moving;
      await scenes.conclude(`slot of ${what} moves`);
    });
  }
});

describe('masters under their connections', () => {
  it('rule 5.3: subscribers are cut off in the middle of a burst', async () => {
    await scenes.rest();
    scenes.busy(4);
    for (let round = 0; round < 5; round++) {
      await sleep(200);
      await scenes.engine.each((operator) => operator.call('CLIENT', 'KILL', 'TYPE', 'pubsub'));
    }
    await scenes.conclude('CLIENT KILL TYPE pubsub in a burst', { changes: scenes.told });
  });

  it('rule 3.1: scripts are flushed', async () => {
    for (let round = 0; round < 5; round++) {
      await scenes.engine.each((operator) => operator.script('FLUSH'));
      await sleep(100);
    }
    await scenes.conclude('SCRIPT FLUSH');
  });
});
