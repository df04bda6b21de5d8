import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RedisCluster, startRedisCluster } from '../support/redis-cluster.ts';
import { Stage } from '../support/stage.ts';

let cluster: RedisCluster;

beforeAll(async () => {
  cluster = await startRedisCluster();
});
afterAll(() => cluster?.stop());

describe('Rollcall on a Redis Cluster', () => {
  it('rules 5.2, 6.1: friends see each other come and go, whatever node they are at', async () => {
    const stage = await Stage.open({
      engineUrl: cluster.url,
      nodes: 2,
      bound: 4,
      beating: 4,
      observers: 2,
      name: 'first',
    });
    try {
      const [leaver, idler] = stage.actors;
      if (!leaver || !idler) throw new Error('Nobody is there.');
      await leaver.leave();
      await idler.turn('IDLE');
      for (const viewer of stage.observers) {
        await viewer.sees(leaver.userId, 'OFFLINE');
        await viewer.sees(idler.userId, 'AWAY');
        viewer.goElsewhere();
      }
      await stage.comeBack(leaver);
      await stage.converge();
      expect(stage.verdict()).toEqual([]);
    } finally {
      await stage.close();
    }
  });
});
