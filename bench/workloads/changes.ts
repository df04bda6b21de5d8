import { inParallel } from '../crowd/crowd.ts';
import { evenGraph, type Graph } from '../crowd/graph.ts';
import { Stage } from '../run/stage.ts';
import { type Cost, changeEvenly, costOf, costOfChanges, type Done, paced, rotation, warmUp } from './load.ts';
import type { Column, Figures, Workload } from './workload.ts';

const COLUMNS: readonly Column[] = [
  { key: 'cpu', label: 'CPU a change and viewer', unit: 'µs' },
  { key: 'capacity', label: 'a second of one core', unit: 'deliveries' },
  { key: 'p50', label: 'p50', unit: 'ms' },
  { key: 'p99', label: 'p99', unit: 'ms' },
  { key: 'load', label: 'server busy', unit: '%' },
  { key: 'redis', label: 'CPU of Redis a change', unit: 'µs' },
  { key: 'driver', label: 'driver busy', unit: '%' },
];
const STORM_ROUNDS = 3;
/** Within which every user changes. */
const STORM_ROUND_MS = 2_000;
/** How much of a core the server is to be busy, to be at half load. */
const HALF = 0.5;
/** The driver commits changes on the core that it receives them on: it makes no more than so many a second. */
const MAX_RATE = 2_000;
/** How many first heartbeats are under way at once, and what each is called. */
const FIRST_HEARTBEATS = 32;
const FIRST = 1_000_000_000;

/** Of what was due to viewers and what it cost. */
function figures(stage: Stage, { due, changes }: Done, cost: Cost): Figures {
  const { latencies, delivered, wentBack } = stage.ledger;
  if (stage.contestant.ordered && wentBack > 0) {
    throw new Error(`viewers were shown an older state after a newer one, ${wentBack} times`);
  }
  return {
    cpu: cost.cpu / due / 1e3,
    capacity: (due * 1e9) / cost.cpu,
    reached: (due * 1e3) / cost.wallMs,
    shown: (100 * delivered) / due,
    p50: latencies.percentile(0.5),
    p99: latencies.percentile(0.99),
    load: cost.cpu / cost.wallMs / 1e4,
    ...(stage.redis === null ? {} : { redis: cost.redisCpu / changes / 1e3 }),
    driver: cost.driverCpu / cost.wallMs / 1e4,
  };
}

async function spreadOver(stage: Stage, rate: number, seconds: number): Promise<Figures> {
  await warmUp(stage, rate, seconds * 500);
  stage.ledger.measure();
  const cost = await costOfChanges(stage, rate, seconds * 1e3);
  return figures(stage, cost, cost);
}

export const spread: Workload = {
  name: 'spread',
  title: 'Changes, spread out',
  about: 'Users change one after the other at an even rate, the same for all contestants.',
  columns: COLUMNS,
  seconds: 9,
  leavesOut: ({ name }) => (name === 'rollcall-coalesced' ? 'the same as Rollcall' : null),
  run: (contestant, { viewers, friends, rate, seconds, under }) =>
    Stage.on({ contestant, graph: evenGraph(viewers, friends), viewers, under }, (stage) =>
      spreadOver(stage, rate, seconds),
    ),
};

export const storm: Workload = {
  name: 'storm',
  title: 'A storm',
  about:
    `Every user changes within ${STORM_ROUND_MS / 1e3} s, ${STORM_ROUNDS} times. Every change is due to every viewer: what is ` +
    'conflated on the way counts as delivered by the newer state, and each viewer must end with the newest of all.',
  columns: [
    ...COLUMNS.slice(0, 2),
    { key: 'reached', label: 'reached a second', unit: 'deliveries' },
    { key: 'shown', label: 'shown one by one', unit: '%' },
    ...COLUMNS.slice(2),
  ],
  seconds: 13,
  leavesOut: () => null,
  run: (contestant, { viewers, friends, rate, seconds, under }) =>
    Stage.on({ contestant, graph: evenGraph(viewers, friends), viewers, under }, async (stage) => {
      await warmUp(stage, rate, seconds * 500);
      const audiences = stage.audiences();
      const users = stage.watched;
      const userAt = rotation(stage.graph, users);
      stage.ledger.measure();
      let due = 0;
      let changes = 0;
      const cost = await costOf(stage, async () => {
        const turns = (users.length * 1e3) / STORM_ROUND_MS;
        await paced(turns, STORM_ROUNDS * STORM_ROUND_MS, (turn) => {
          const user = userAt(turn);
          due += audiences[user] ?? 0;
          changes += 1;
          return stage.origin.change(user, stage.ledger.next(user));
        });
        await stage.crowd.converged();
      });
      return figures(stage, { due, changes }, cost);
    }),
};

export const latency: Workload = {
  name: 'latency',
  title: 'Latency at half load',
  about:
    'Changes and heartbeats together, at a rate that keeps the server busy half of the time, each contestant at its own. ' +
    'From the call that makes a change, on another node, to the frame that shows it.',
  columns: [
    { key: 'p50', label: 'p50', unit: 'ms' },
    { key: 'p99', label: 'p99', unit: 'ms' },
    { key: 'rate', label: 'deliveries a second', unit: '' },
    { key: 'load', label: 'server busy', unit: '%' },
    { key: 'driver', label: 'driver busy', unit: '%' },
    { key: 'delay', label: 'event loop p99', unit: 'ms' },
  ],
  seconds: 11,
  leavesOut: ({ name }) => (name === 'rollcall-coalesced' ? 'waits on purpose' : null),
  run: (contestant, { viewers, friends, rate, seconds, under }) =>
    Stage.on({ contestant, graph: evenGraph(viewers, friends), viewers, under }, async (stage) => {
      await warmUp(stage, rate, seconds * 250);
      // A first heartbeat makes a session, which some contestants tell all friends of: no part of what is measured.
      if (hasHeartbeats(stage))
        await inParallel(stage.crowd.viewers, FIRST_HEARTBEATS, (viewer) => viewer.heartbeat(FIRST, false));
      let halfLoad = rate;
      // Twice, because many changes in the same moment cost less each.
      for (let trial = 0; trial < 2; trial++) {
        const { cpu, wallMs } = await costOf(stage, async () => void (await mixed(stage, halfLoad, seconds * 500)));
        halfLoad = Math.min(MAX_RATE, (halfLoad * HALF * wallMs * 1e6) / cpu);
      }
      stage.ledger.measure();
      await stage.server.watchDelay();
      let changes = 0;
      const cost = await costOf(stage, async () => {
        ({ changes } = await mixed(stage, halfLoad, seconds * 1e3));
      });
      const { p99Ms } = await stage.server.delay();
      const delivered = Math.max(1, stage.ledger.delivered);
      const measured = figures(stage, { due: delivered, changes }, cost);
      return { ...measured, rate: (stage.ledger.delivered * 1e3) / cost.wallMs, delay: p99Ms };
    }),
};

function hasHeartbeats({ contestant }: Stage): boolean {
  return contestant.dialect.heartbeat('', FIRST, false) !== null;
}

/** A heartbeat with each change, where there are heartbeats. */
async function mixed(stage: Stage, rate: number, ms: number): Promise<Done> {
  const { viewers } = stage.crowd;
  const beating = hasHeartbeats(stage)
    ? paced(rate, ms, (turn) => viewers[turn % viewers.length]?.heartbeat(turn + 1, false) ?? Promise.resolve())
    : Promise.resolve();
  const [done] = await Promise.all([changeEvenly(stage, rate, ms), beating]);
  return done;
}

export const facebook: Workload = {
  name: 'facebook',
  title: 'A real friend graph',
  about:
    'Everybody in a friend graph with a heavy tail watches and changes in turn, at the same deliveries a second as in ' +
    '`spread`. The graph is that of --graph FILE, else a generated one with the shape of ego-Facebook.',
  columns: COLUMNS,
  seconds: 13,
  leavesOut: ({ name }) => (name === 'rollcall-coalesced' ? 'the same as Rollcall' : null),
  run: (contestant, { facebook: graph, friends, rate, seconds, under }) =>
    Stage.on({ contestant, graph, viewers: graph.users, under }, (stage) =>
      spreadOver(stage, (rate * friends) / meanFriends(graph), seconds),
    ),
};

function meanFriends(graph: Graph): number {
  return graph.friends.length / graph.users;
}
