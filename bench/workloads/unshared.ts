import { setTimeout as sleep } from 'node:timers/promises';
import { inParallel } from '../crowd/crowd.ts';
import { Graph } from '../crowd/graph.ts';
import { Stage } from '../run/stage.ts';
import { costOf, rotation } from './load.ts';
import type { Workload } from './workload.ts';

/** What part of the usual number of viewers: each of them has friends of their own, so there are many users. */
const PART = 5;
const SETTLE_MS = 2_000;

/** How many changes are made for each second of a measurement, and how many are under way at once. */
const CHANGES = 2_000;
const AT_ONCE = 64;

/** Costs that docs/capacity.md is computed from. */
export const unshared: Workload = {
  name: 'unshared',
  title: 'Friends whom nobody else here watches',
  about:
    `A ${PART}th of the usual viewers, no two of whom have a friend in common: as on one of very many nodes. All come twice; the second ` +
    'time is measured.',
  columns: [
    { key: 'heap', label: 'heap a friend', unit: 'bytes' },
    { key: 'change', label: 'CPU a change', unit: 'µs' },
    { key: 'rss', label: 'RSS a friend', unit: 'bytes' },
    { key: 'cpu', label: 'CPU a viewer who comes', unit: 'µs' },
    { key: 'redis', label: 'CPU of Redis a viewer who comes', unit: 'µs' },
  ],
  seconds: 25,
  leavesOut: ({ name }) => (name === 'rollcall' ? null : 'this is about Rollcall'),
  run: async (contestant, { viewers: usual, friends, seconds, under }) => {
    const viewers = Math.ceil(usual / PART);
    const graph = starGraph(viewers, friends);
    return await Stage.on({ contestant, graph, viewers, under }, async (stage) => {
      await stage.crowd.enter('watch');
      await stage.crowd.leave();
      await sleep(SETTLE_MS);
      const empty = await stage.server.memory();
      const cost = await costOf(stage, () => stage.crowd.enter('watch'));
      await stage.crowd.converged();
      await sleep(SETTLE_MS);
      const full = await stage.server.memory();
      const watched = viewers * friends;
      const { watched: users } = stage;
      const userAt = rotation(stage.graph, users);
      const count = Math.ceil(CHANGES * seconds);
      const changing = await costOf(stage, async () => {
        await inParallel(Array(count).keys(), AT_ONCE, (turn) => {
          const user = userAt(turn);
          return stage.origin.change(user, stage.ledger.next(user));
        });
        await stage.crowd.converged();
      });
      return {
        heap: (full.heapUsed - empty.heapUsed) / watched,
        rss: (full.rss - empty.rss) / watched,
        change: changing.cpu / count / 1e3,
        cpu: cost.cpu / viewers / 1e3,
        redis: cost.redisCpu / viewers / 1e3,
      };
    });
  },
};

/** The first `viewers` users have so many friends each, who have no others. */
function starGraph(viewers: number, friends: number): Graph {
  const pairs: [number, number][] = [];
  for (let viewer = 0; viewer < viewers; viewer++) {
    for (let friend = 0; friend < friends; friend++) pairs.push([viewer, viewers + viewer * friends + friend]);
  }
  return Graph.of(viewers * (friends + 1), pairs);
}
