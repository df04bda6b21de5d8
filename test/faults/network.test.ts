import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Bustle } from '../support/bustle.ts';
import { type FleetNode, LEASE_MS, RENEWAL_MS, SPANS, startFleet } from '../support/fleet.ts';
import { startProxy } from '../support/proxy.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { Stage, sleep } from '../support/stage.ts';

let redis: RedisServer;
let nodes: readonly FleetNode[];
let stage: Stage;
let bustle: Bustle;
let count = 0;

beforeAll(async () => {
  redis = await startRedis();
  nodes = await startFleet(3, { engineUrl: redis.url });
});
afterAll(async () => {
  await Promise.all((nodes ?? []).map((node) => node.close()));
  await redis?.stop();
});

describe('networks that fail', () => {
  beforeEach(async () => {
    stage = await Stage.open({ engineUrl: redis.url, name: `w${count++}` }, nodes);
    bustle = new Bustle(stage, 25);
  });
  afterEach(async () => {
    await bustle?.stop();
    await stage?.close();
  });

  async function conclude(scenario: string, figures: Record<string, number> = {}): Promise<void> {
    await bustle.stop();
    const convergence = await stage.converge();
    stage.report(scenario, { ...figures, convergence });
    expect(stage.verdict().slice(0, 12)).toEqual([]);
  }

  for (const how of ['cut', 'stall'] as const) {
    const what = how === 'cut' ? 'is refused' : 'is a black hole';
    it(`rule 2.9: the way from one node to the store ${what} for a while that the lease allows`, async () => {
      await nodes[0]?.back?.[how]();
      // A node that was refused for so long tries again after as long at the most.
      await sleep((LEASE_MS - RENEWAL_MS) / (how === 'cut' ? 3 : 1.3));
      await nodes[0]?.back?.heal();
      await sleep(LEASE_MS);
      await conclude(`one node ${how} from Redis, shorter than d + 2ε`);
    });

    it(`rules 2.2, 10.1: the way from one node to the store ${what} for longer, and the others go on`, async () => {
      const isBack = stage.cutOff(0);
      await nodes[0]?.back?.[how]();
      await sleep(2 * LEASE_MS);
      await nodes[0]?.back?.heal();
      isBack();
      const healedAt = Date.now();
      await stage.observers[0]?.until('all streams to be whole', () => stage.observers.every(({ stale }) => !stale));
      const whole = Date.now() - healedAt;
      await sleep(LEASE_MS);
      await conclude(`one node ${how} from Redis, longer than d + 2ε`, { whole });
    });
  }

  it('rule 2: a heartbeat that was held up on its way takes the session from no newer connection', async () => {
    const path = await startProxy(nodes[0]?.port ?? 0);
    const traveller = stage.addBound('traveller', 0, [`http://127.0.0.1:${path.port}`, nodes[1]?.url ?? '']);
    for (const { userId } of stage.observers) await stage.befriendAll(userId);
    await traveller.start();
    await stage.converge();
    // Of two connections that were opened at about the same time nobody could say which one is the later.
    await sleep(1_500);
    path.stall();
    // Is sent into the black hole, and again once the client has found its way to another node.
    await traveller.turn('ACTIVE');
    await stage.converge();
    await path.heal();
    await sleep(SPANS.graceMs + RENEWAL_MS);
    await path.close();
    await conclude('delayed heartbeat');
  });

  it('rules 6.1, 6.3: what was hidden, removed and blocked while a viewer was away is taken back on resume elsewhere', async () => {
    await bustle.stop();
    const [viewer] = stage.observers;
    const [removed, blocks, invisible, hides, idle, gone] = stage.bound;
    if (!viewer || !removed || !blocks || !invisible || !hides || !idle || !gone) throw new Error('Nobody is there.');
    const before = viewer.frames;
    viewer.goAway();
    await stage.part(viewer.userId, removed.userId, 'remove');
    await stage.part(blocks.userId, viewer.userId, 'block');
    await invisible.hide(true);
    await hides.hide(true, viewer.userId);
    await idle.turn('IDLE');
    await gone.leave();
    viewer.comeBack(2);
    await viewer.until('its first frame', () => viewer.frames > before);
    expect(stage.differences([viewer])).toEqual([]);
    expect(viewer.reset).toBe(false);
    await invisible.hide(false);
    await hides.hide(false, viewer.userId);
    await conclude('retractions on resume');
  });

  it('rule 4.3: a viewer who moves to a node that is cut off sees nothing older than before', async () => {
    const [here] = stage.observers;
    const [changing, removed, hides, added] = stage.bound;
    if (!here || !changing || !removed || !hides || !added) throw new Error('Nobody is there.');
    await stage.part(here.userId, added.userId, 'remove');
    await here.until('the removal', () => !here.roster.has(added.userId));
    // Keeps the roster of the same viewer in the memory of the node.
    const device = stage.addObserver(here.userId, 1);
    await device.until('its first frame', () => device.frames > 0);
    await bustle.stop();
    const isBack = stage.cutOff(1);
    await nodes[1]?.back?.cut();
    await device.until('the node to notice', () => device.stale);
    await changing.turn('IDLE');
    await changing.turn('ACTIVE');
    await hides.hide(true, here.userId);
    await stage.part(here.userId, removed.userId, 'remove');
    await here.until('the removal', () => !here.roster.has(removed.userId));
    await here.sees(hides.userId, 'OFFLINE');
    await stage.befriend(
      here.userId,
      [changing, hides, added].map(({ userId }) => userId),
    );
    await here.sees(added.userId, 'ONLINE');
    here.goAway();
    const before = here.frames;
    here.comeBack(1);
    await here.until('a frame from anywhere', () => here.frames > before);
    await sleep(500);
    await nodes[1]?.back?.heal();
    isBack();
    await conclude('resume at a node that is cut off');
  });

  it('rules 2.1, 2.5: clients that vanish without a close', { timeout: 60_000 }, async () => {
    const path = await startProxy(nodes[0]?.port ?? 0);
    const lonely = [`http://127.0.0.1:${path.port}`];
    const bound = stage.addBound('vanishing', 0, lonely);
    const beating = stage.addBeating('silent', 0, lonely);
    for (const { userId } of stage.observers) await stage.befriendAll(userId);
    await Promise.all([bound.start(), beating.start()]);
    await stage.converge();
    await bustle.stop();
    path.stall();
    const goneAt = Date.now();
    bound.vanish();
    beating.vanish();
    const unheard = await Promise.all(stage.observers.map((viewer) => viewer.sees(beating.userId, 'OFFLINE')));
    const closed = await Promise.all(stage.observers.map((viewer) => viewer.sees(bound.userId, 'OFFLINE', 30_000)));
    await path.close();
    await conclude('clients vanish', {
      'ghost of heartbeats': Math.max(...unheard) - goneAt,
      'ghost of a connection': Math.max(...closed) - goneAt,
    });
  });
});
