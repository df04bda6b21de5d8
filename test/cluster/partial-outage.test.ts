import { describe, expect, it } from 'vitest';
import { DEFAULT_PARTITIONS, META_KEY, NODES_KEY, Partitions } from '../../src/redis/partitions.ts';
import { type Actor, post } from '../support/actors.ts';
import { LEASE_MS } from '../support/fleet.ts';
import { type ClusterNode, startRedisCluster } from '../support/redis-cluster.ts';
import { Refused } from '../support/roaming-client.ts';
import { EngineScenarios } from '../support/scenarios.ts';
import { sleep } from '../support/stage.ts';

const SET_CUSTOM_STATUS = `mutation ($input: SetCustomStatusInput!) { setCustomStatus(input: $input) { viewer { id } } }`;
/** A server that says nothing is noticed by a command that is given up. */
const NOTICE_MS = 25_000;

const partitions = new Partitions(DEFAULT_PARTITIONS);
const scenes = new EngineScenarios({
  name: 'part',
  nodes: 2,
  bound: 8,
  beating: 8,
  observers: 3,
  busyMs: null,
  start: () => {
    const keep = ['--appendonly', 'yes', '--appendfsync', 'always'];
    return startRedisCluster({ args: ['--cluster-require-full-coverage', 'no', ...keep] });
  },
});

/** The master that holds nothing but partitions, who is in these, and who is not. */
async function aPart(): Promise<{ master: ClusterNode; inside: Actor[]; outside: Actor[] }> {
  const cluster = scenes.engine;
  const needed = await Promise.all([NODES_KEY, META_KEY, '{friends}'].map((key) => cluster.ownerOf(key)));
  const master = cluster.nodes.find((node) => !needed.includes(node));
  if (!master) throw new Error('Each master holds something else as well.');
  const [inside, outside]: [Actor[], Actor[]] = [[], []];
  for (const actor of scenes.stage.actors) {
    const owner = await cluster.ownerOf(partitions.key(partitions.of(actor.userId), 'head'));
    (owner === master ? inside : outside).push(actor);
  }
  return { master, inside, outside };
}

/** What a node answers to a write, however long that takes. */
async function outcomeOf(url: string, userId: string): Promise<string> {
  const deadline = Date.now() + NOTICE_MS;
  for (;;) {
    try {
      await post(url, userId, SET_CUSTOM_STATUS, { input: { text: 'nobody hears this' } });
      return 'obeyed';
    } catch (error) {
      if (error instanceof Refused) return error.code;
      if (Date.now() > deadline) throw error;
    }
  }
}

describe('a part of the store that is away', () => {
  for (const how of ['is down', 'says nothing'] as const) {
    const what = 'the people of the others go on, and nobody is taken for gone';
    it(`rules 10.3, 10.5: one master ${how}; ${what}`, { timeout: 180_000 }, async () => {
      const { stage, engine: cluster } = scenes;
      const { master, inside, outside } = await aPart();
      const [away, here] = [inside[0], outside[0]];
      if (!away || !here) throw new Error('Nobody is there.');
      const from = Date.now();
      await (how === 'is down' ? master.kill() : master.pause());
      await Promise.all(stage.observers.map((viewer) => viewer.until('it to be stale', () => viewer.stale, NOTICE_MS)));
      for (const mood of ['IDLE', 'ACTIVE'] as const) {
        await here.turn(mood);
        for (const viewer of stage.observers) await viewer.sees(here.userId, here.status);
      }
      await sleep(2 * LEASE_MS);
      for (const url of stage.urls) {
        expect(await outcomeOf(url, away.userId)).toBe('UNAVAILABLE');
        expect((await fetch(`${url}/readyz`)).status).toBe(200);
      }
      await here.say('all can hear this');
      await (how === 'is down' ? master.restart() : master.wake());
      await cluster.settled();
      stage.outage(from);
      const healedAt = Date.now();
      const whole = stage.observers.map((viewer) => viewer.until('it to be whole', () => !viewer.stale, NOTICE_MS));
      const wholeAt = Math.max(...(await Promise.all(whole)));
      await sleep(LEASE_MS);
      await scenes.conclude(`one master ${how}`, { whole: wholeAt - healedAt });
    });
  }

  it('rules 10.3, 10.5: the master that keeps the leases of nodes is down; nobody is taken for gone', {
    timeout: 180_000,
  }, async () => {
    const { stage, engine: cluster } = scenes;
    const master = await cluster.ownerOf(NODES_KEY);
    const from = Date.now();
    await master.kill();
    await Promise.all(stage.observers.map((viewer) => viewer.until('it to be stale', () => viewer.stale, NOTICE_MS)));
    await sleep(2 * LEASE_MS);
    for (const url of stage.urls) {
      expect(await outcomeOf(url, stage.actors[0]?.userId ?? '')).toBe('UNAVAILABLE');
      expect((await fetch(`${url}/readyz`)).status).toBe(503);
    }
    await master.restart();
    await cluster.settled();
    stage.outage(from);
    await Promise.all(stage.observers.map((viewer) => viewer.until('it to be whole', () => !viewer.stale, NOTICE_MS)));
    await sleep(LEASE_MS);
    await scenes.conclude('the master of the leases is down');
  });
});
