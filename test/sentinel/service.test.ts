import { afterAll, beforeAll, expect, test } from 'vitest';
import { type SentinelGroup, startSentinelGroup } from '../support/sentinel.ts';
import { Stage } from '../support/stage.ts';

let group: SentinelGroup;

beforeAll(async () => {
  group = await startSentinelGroup({ replicas: 1 });
});
afterAll(() => group?.stop());

test('rule 10.7: a viewer sees a friend come and go over servers that sentinels watch over', async () => {
  const stage = await Stage.open({ engineUrl: group.url, name: 'thin', nodes: 2, bound: 1, beating: 1, observers: 2 });
  try {
    const [friend] = stage.bound;
    friend?.vanish();
    await Promise.all(stage.observers.map((viewer) => viewer.sees(friend?.userId ?? '', 'OFFLINE')));
    await stage.converge();
    expect(stage.verdict()).toEqual([]);
  } finally {
    await stage.close();
  }
}, 90_000);
