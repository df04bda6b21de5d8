import { setTimeout as sleep } from 'node:timers/promises';
import type { Contestant } from '../contestants/contestant.ts';
import { inParallel } from '../crowd/crowd.ts';
import { evenGraph } from '../crowd/graph.ts';
import { slopeOf } from '../measure/spread.ts';
import { Stage } from '../run/stage.ts';
import { costOf, costOfChanges, warmUp } from './load.ts';
import type { Column, Figures, Setting, Workload } from './workload.ts';

/** What grows, everything else being as in the other workloads. */
const AXES = ['viewers', 'friends', 'users', 'nodes'] as const;
type Axis = (typeof AXES)[number];

/** How many times the usual number; the nodes are counted. */
const FACTORS: Readonly<Record<Axis, readonly number[]>> = {
  viewers: [0.25, 1, 2],
  friends: [0.25, 0.5, 1, 2],
  users: [1, 16],
  nodes: [1, 4],
};

const COLUMNS: readonly Column[] = [
  { key: 'strangers', label: 'CPU a change that nobody here watches', unit: 'µs' },
  ...AXES.map((axis) => ({ key: `${axis}-slope`, label: `slope along ${axis}`, unit: '' })),
];

interface Shape {
  readonly viewers: number;
  readonly friends: number;
  readonly users: number;
  readonly nodes: number;
}

/** The key of a point: what it is measured at stands in it, so that a table can be made of the results. */
const keyOf = (axis: Axis, x: number): string => `${axis}=${x}`;

export const growth: Workload = {
  name: 'growth',
  title: 'Growth',
  about:
    'CPU of the server for one change, to all its viewers together, as one number grows and the others stay: `viewers` who are ' +
    'connected, `friends` of each, `users` in the store, `nodes` of the service. A slope of 1 is linear, 0 is flat.',
  columns: COLUMNS,
  seconds: 90,
  leavesOut: ({ name }) => (name === 'rollcall' ? null : 'this is about what Rollcall promises of itself'),
  run: async (contestant, setting) => {
    const usual: Shape = { viewers: setting.viewers, friends: setting.friends, users: setting.viewers, nodes: 1 };
    const figures: Record<string, number> = {};
    const known = new Map<string, number>();
    for (const axis of AXES) {
      const points: [number, number][] = [];
      for (const factor of FACTORS[axis]) {
        const shape = shapeAt(usual, axis, factor);
        const name = JSON.stringify(shape);
        setting.status(`${axis}: ${shape[axis]}`);
        const cpu = known.get(name) ?? (await cpuOfChange(contestant, setting, shape));
        known.set(name, cpu);
        points.push([shape[axis], cpu]);
        figures[keyOf(axis, shape[axis])] = cpu;
      }
      figures[`${axis}-slope`] = slopeOf(points);
    }
    setting.status('strangers');
    return { ...figures, ...(await strangers(contestant, setting, usual)) };
  },
};

function shapeAt(usual: Shape, axis: Axis, factor: number): Shape {
  switch (axis) {
    case 'viewers': {
      // Everybody needs to have so many friends among them.
      const viewers = Math.max(usual.friends + 2, Math.round(usual.viewers * factor));
      return { ...usual, viewers, users: viewers };
    }
    case 'friends':
      return { ...usual, friends: Math.min(even(usual.viewers - 2), even(usual.friends * factor)) };
    case 'users':
      return { ...usual, users: usual.users * factor };
    case 'nodes':
      return { ...usual, nodes: factor };
    default:
      return axis satisfies never;
  }
}

const even = (number: number): number => 2 * Math.max(1, Math.floor(number / 2));

async function cpuOfChange(contestant: Contestant, setting: Setting, shape: Shape): Promise<number> {
  const { viewers, friends, users, nodes } = shape;
  const graph = evenGraph(viewers, friends, users);
  return await Stage.on({ contestant, graph, viewers, under: setting.under, moreNodes: nodes - 1 }, async (stage) => {
    // As many deliveries a second at each point, so that what the server does anyway has the same share in all of them.
    const rate = (setting.rate * setting.friends) / friends;
    await warmUp(stage, rate, setting.seconds * 500);
    stage.ledger.measure();
    const { cpu, due } = await costOfChanges(stage, rate, setting.seconds * 1e3);
    return (cpu / due / 1e3) * friends;
  });
}

/** For so long it is looked what the server needs with nothing to do. */
const IDLE_MS = 2_000;
/** How many changes of strangers are made for each second of a measurement, and how many are under way at once. */
const STRANGERS = 2_000;
const STRANGERS_AT_ONCE = 64;

/** As many users again change whom nobody watches on this node, as fast as it goes: as where many nodes commit. */
async function strangers(contestant: Contestant, setting: Setting, usual: Shape): Promise<Figures> {
  const { viewers, friends } = usual;
  const graph = evenGraph(viewers, friends, 2 * viewers);
  return await Stage.on({ contestant, graph, viewers, under: setting.under }, async (stage) => {
    await warmUp(stage, setting.rate, setting.seconds * 500);
    const nothing = await costOf(stage, () => sleep(IDLE_MS));
    const count = Math.ceil(STRANGERS * setting.seconds);
    const turns = Array(count).keys();
    const cost = await costOf(stage, () =>
      inParallel(turns, STRANGERS_AT_ONCE, (turn) => {
        const user = viewers + (turn % viewers);
        return stage.origin.change(user, stage.ledger.next(user));
      }),
    );
    // Less what the server needs with nothing to do.
    const idle = (nothing.cpu / nothing.wallMs) * cost.wallMs;
    return { strangers: Math.max(0, cost.cpu - idle) / count / 1e3 };
  });
}
