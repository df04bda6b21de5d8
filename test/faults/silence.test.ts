import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Bustle } from '../support/bustle.ts';
import { type FleetNode, startFleet } from '../support/fleet.ts';
import { startProxy } from '../support/proxy.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { Stage, type StageOptions } from '../support/stage.ts';

/** What is noticed by nothing but silence is noticed late, by spans that are no settings. */
const LATE_MS = 90_000;
/** Of each node how wrong its wall clock is, ms. */
const CLOCKS = [-420_000, 300_000, 0, 0];

let redis: RedisServer;
let nodes: readonly FleetNode[];

beforeAll(async () => {
  redis = await startRedis();
  const fleets = CLOCKS.map((clockShiftMs) => startFleet(1, { engineUrl: redis.url, clockShiftMs }));
  nodes = (await Promise.all(fleets)).flat();
});
afterAll(async () => {
  await Promise.all((nodes ?? []).map((node) => node.close()));
  await redis?.stop();
});

/** They wait for most of their time, so all wait at once; each breaks what no other one needs. */
describe.concurrent('what nobody is told of', { timeout: 240_000 }, () => {
  it('rules 2.1, 2.5: clients that vanish without a close', () =>
    play('vanish', [0, 2], async (stage) => {
      const path = await startProxy(nodes[0]?.port ?? 0);
      const lonely = [`http://127.0.0.1:${path.port}`];
      const bound = stage.addBound('vanishing', 0, lonely);
      const beating = stage.addBeating('silent', 0, lonely);
      await stage.introduce(bound, beating);
      path.stall();
      const goneAt = Date.now();
      bound.vanish();
      beating.vanish();
      const unheard = await everybodySees(stage, beating.userId);
      const closed = await everybodySees(stage, bound.userId);
      await path.close();
      return {
        scenario: 'clients vanish',
        'ghost of heartbeats': unheard - goneAt,
        'ghost of a connection': closed - goneAt,
      };
    }));

  it('rule 11.1: wall clocks that are wrong by minutes, in both directions, are of no importance', () =>
    play('clocks', [0, 2, 1], async (stage) => {
      const gone = stage.addBeating('gone', 0);
      await stage.introduce(gone);
      stage.died(2);
      await stage.nodes[2]?.kill();
      const goneAt = Date.now();
      gone.vanish();
      const seen = await everybodySees(stage, gone.userId);
      await stage.nodes[2]?.restart();
      return { scenario: 'wrong wall clocks', ghost: seen - goneAt };
    }));

  it('rules 5.2, 10.1: the connections of one node to the store hear nothing more, and nobody closes them', () =>
    play('deaf', [0, 3], async (stage) => {
      const deaf = stage.observers.filter(({ node }) => node === 1);
      const isBack = stage.cutOff(1);
      const deafAt = Date.now();
      stage.nodes[1]?.back?.forget();
      const noticed = Math.max(
        ...(await Promise.all(
          deaf.map((observer) => observer.until('the node to notice', () => observer.stale, LATE_MS)),
        )),
      );
      const whole = await deaf[0]?.until('the streams to be whole', () => deaf.every(({ stale }) => !stale));
      isBack();
      return { scenario: 'deaf connections', noticed: noticed - deafAt, whole: (whole ?? 0) - noticed };
    }));
});

/** One scenario on some of the nodes, to the end: everything settles, and nothing was wrong. */
async function play(
  name: string,
  which: readonly number[],
  act: (stage: Stage) => Promise<{ readonly scenario: string; readonly [figure: string]: number | string }>,
): Promise<void> {
  const options: StageOptions = { engineUrl: redis.url, name, bound: 4, beating: 2, observers: 4 };
  const stage = await Stage.open(
    options,
    which.flatMap((number) => nodes[number] ?? []),
  );
  const bustle = new Bustle(stage, 50);
  try {
    const { scenario, ...figures } = await act(stage);
    await bustle.stop();
    stage.report(scenario, { ...figures, convergence: await stage.converge() });
    expect(stage.verdict()).toEqual([]);
  } finally {
    await bustle.stop().catch(() => undefined);
    await stage.close();
  }
}

/** The moment at which the last viewer sees the friend go. */
async function everybodySees(stage: Stage, userId: string): Promise<number> {
  return Math.max(...(await Promise.all(stage.observers.map((observer) => observer.sees(userId, 'OFFLINE', LATE_MS)))));
}
