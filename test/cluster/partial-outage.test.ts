import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Partitions } from '../../src/redis/partitions.ts';
import { type Actor, post } from '../support/actors.ts';
import { type FleetNode, LEASE_MS, startFleet } from '../support/fleet.ts';
import { type ClusterNode, type RedisCluster, startRedisCluster } from '../support/redis-cluster.ts';
import { Stage, sleep } from '../support/stage.ts';

const SET_CUSTOM_STATUS = `mutation ($input: SetCustomStatusInput!) { setCustomStatus(input: $input) { viewer { id } } }`;

const partitions = new Partitions(64);
let cluster: RedisCluster;
let nodes: readonly FleetNode[];
let stage: Stage;
let count = 0;

beforeAll(async () => {
  const keep = ['--appendonly', 'yes', '--appendfsync', 'always'];
  cluster = await startRedisCluster({ args: ['--cluster-require-full-coverage', 'no', ...keep] });
  nodes = await startFleet(2, { engineUrl: cluster.url });
});
afterAll(async () => {
  await Promise.all((nodes ?? []).map((node) => node.close()));
  await cluster?.stop();
});

describe('a part of the store that is away', () => {
  beforeEach(async () => {
    stage = await Stage.open(
      { engineUrl: cluster.url, bound: 8, beating: 8, observers: 4, name: `p${count++}` },
      nodes,
    );
  });
  afterEach(() => stage?.close());

  /** The master that holds nothing but partitions, and who is in them, and who is not. */
  async function aPart(): Promise<{ master: ClusterNode; inside: Actor[]; outside: Actor[] }> {
    const needed = await Promise.all(
      ['rollcall:nodes', 'rollcall:meta', '{friends}'].map((key) => cluster.ownerOf(key)),
    );
    const master = cluster.nodes.find((node) => !needed.includes(node));
    if (!master) throw new Error('Each master holds something else as well.');
    const [inside, outside]: [Actor[], Actor[]] = [[], []];
    for (const actor of stage.actors) {
      const owner = await cluster.ownerOf(partitions.key(partitions.of(actor.userId), 'head'));
      (owner === master ? inside : outside).push(actor);
    }
    return { master, inside, outside };
  }

  for (const how of ['is down', 'says nothing'] as const) {
    it(`rules 10.3, 10.5: one master ${how} for long; the people of the others go on, and nobody is taken for gone`, async () => {
      const { master, inside, outside } = await aPart();
      const [away, here] = [inside[0], outside[0]];
      if (!away || !here) throw new Error('Nobody is there.');
      const from = Date.now();
      await (how === 'is down' ? master.kill() : master.pause());
      await Promise.all(stage.observers.map((viewer) => viewer.until('it to be stale', () => viewer.stale, 20_000)));
      for (const mood of ['IDLE', 'ACTIVE'] as const) {
        await here.turn(mood);
        for (const viewer of stage.observers) await viewer.sees(here.userId, here.status);
      }
      await sleep(2 * LEASE_MS);
      for (const url of stage.urls) {
        const input = { text: 'nobody hears this' };
        await expect(post(url, away.userId, SET_CUSTOM_STATUS, { input })).rejects.toMatchObject({
          code: 'UNAVAILABLE',
        });
        expect((await fetch(`${url}/readyz`)).status).toBe(200);
        await post(url, here.userId, SET_CUSTOM_STATUS, { input: { text: 'out loud' } });
      }
      here.text = 'out loud';
      await (how === 'is down' ? master.restart() : master.wake());
      await cluster.settled();
      stage.outage(from);
      const healedAt = Date.now();
      await Promise.all(stage.observers.map((viewer) => viewer.until('it to be whole', () => !viewer.stale, 20_000)));
      const whole = Date.now() - healedAt;
      await sleep(LEASE_MS);
      const convergence = await stage.converge();
      stage.report(`one master ${how}`, { whole, convergence });
      expect(stage.verdict().slice(0, 12)).toEqual([]);
    });
  }
});
