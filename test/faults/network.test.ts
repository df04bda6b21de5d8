import { describe, expect, it } from 'vitest';
import { LEASE_MS, RENEWAL_MS, SPANS } from '../support/fleet.ts';
import { startProxy } from '../support/proxy.ts';
import { Scenarios } from '../support/scenarios.ts';
import { sleep } from '../support/stage.ts';

const scenarios = new Scenarios({ name: 'w' });

describe('networks that fail', () => {
  for (const how of ['cut', 'stall'] as const) {
    const what = how === 'cut' ? 'is refused' : 'is a black hole';
    it(`rule 2.9: the way from one node to the store ${what} for a while that the lease allows`, async () => {
      await scenarios.node(0).back?.[how]();
      // A node that was refused for so long tries again after as long at the most. The black hole outlasts its lease.
      await sleep(how === 'cut' ? LEASE_MS / 8 : SPANS.nodeLeaseMs + 100);
      await scenarios.node(0).back?.heal();
      await sleep(LEASE_MS);
      await scenarios.conclude(`one node ${how} from Redis, shorter than d + 2ε`);
    });

    it(`rules 2.2, 10.1: the way from one node to the store ${what} for longer, and the others go on`, async () => {
      const { stage } = scenarios;
      const gone = stage.bound.find(({ node }) => node === 0);
      if (!gone) throw new Error('Nobody is there.');
      const isBack = stage.cutOff(0);
      await scenarios.node(0).back?.[how]();
      const cutAt = Date.now();
      gone.vanish();
      // Their node can tell nobody, but all others miss it.
      const elsewhere = stage.observers.filter(({ node }) => node !== 0);
      const seen = await Promise.all(elsewhere.map((observer) => observer.sees(gone.userId, 'OFFLINE')));
      await sleep(2 * LEASE_MS - (Date.now() - cutAt));
      await scenarios.node(0).back?.heal();
      isBack();
      const healedAt = Date.now();
      await stage.observers[0]?.until('all streams to be whole', () => stage.observers.every(({ stale }) => !stale));
      const whole = Date.now() - healedAt;
      await sleep(LEASE_MS);
      const ghost = Math.max(...seen) - cutAt;
      await scenarios.conclude(`one node ${how} from Redis, longer than d + 2ε`, { ghost, whole });
    });
  }

  it('rule 2: a heartbeat that was held up on its way takes the session from no newer connection', async () => {
    const { stage } = scenarios;
    const path = await startProxy(scenarios.node(0).port);
    const traveller = stage.addBound('traveller', 0, [`http://127.0.0.1:${path.port}`, scenarios.node(1).url]);
    await stage.introduce(traveller);
    // Of two connections that were opened at about the same time nobody could say which one is the later.
    await sleep(1_500);
    path.stall();
    // Is sent into the black hole, and again once the client has found its way to another node.
    await traveller.turn('ACTIVE');
    await traveller.untilBound();
    await path.heal();
    await sleep(SPANS.graceMs + RENEWAL_MS);
    await path.close();
    await scenarios.conclude('delayed heartbeat');
  });

  it('rules 6.1, 6.3: what was hidden, removed and blocked while a viewer was away is taken back on resume elsewhere', async () => {
    const { stage } = scenarios;
    await scenarios.rest();
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
    await scenarios.conclude('retractions on resume');
  });

  it('rule 4.3: a viewer who moves to a node that is cut off sees nothing older than before', async () => {
    const { stage } = scenarios;
    const [here] = stage.observers;
    const [changing, removed, hides, added] = stage.bound;
    if (!here || !changing || !removed || !hides || !added) throw new Error('Nobody is there.');
    await stage.part(here.userId, added.userId, 'remove');
    await here.until('the removal', () => !here.roster.has(added.userId));
    // Keeps the roster of the same viewer in the memory of the node.
    const device = stage.addObserver(here.userId, 1);
    await device.until('its first frame', () => device.frames > 0);
    await scenarios.rest();
    const isBack = stage.cutOff(1);
    await scenarios.node(1).back?.cut();
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
    await scenarios.node(1).back?.heal();
    isBack();
    await scenarios.conclude('resume at a node that is cut off');
  });
});
