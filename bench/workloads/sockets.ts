import { setTimeout as sleep } from 'node:timers/promises';
import { startRedis } from '../../test/support/redis.ts';
import { CrowdProcess } from '../crowd/crowd-process.ts';
import type { CrowdFigures } from '../crowd/crowd-worker.ts';
import { evenGraph } from '../crowd/graph.ts';
import { cpuOf } from '../measure/cpu.ts';
import { Latencies } from '../measure/latencies.ts';
import { raiseOpenFiles } from '../run/machine.ts';
import { type Memory, ServerProcess } from '../run/server-process.ts';
import { undoAll } from '../run/stage.ts';
import { rotation } from './load.ts';
import type { Workload } from './workload.ts';

/** How long a session outlives its connection here: longer than it takes so many to come back on one core. */
const GRACE_MS = 180_000;
/** One loopback address has ports for some 28,000 connections. */
const SOCKETS_AN_ADDRESS = 10_000;
/** How many clients are on their way in at once. */
const AT_ONCE = 400;
/** Of all users together, while everybody comes back. */
const CHANGE_EVERY_MS = 200;
/** As many changes as are made in the longest time that all of it may take. */
const PLANNED = 6_000;
/** Until all clients know what will change. */
const LEAD_MS = 1_000;
/** How long everybody stays before memory is asked for and before the drop, so that nothing else is under way. */
const STAY_MS = 5_000;
/** How long is watched after everybody is back: deadlines may take effect two seconds late. */
const WATCH_MS = 10_000;
const MB = 2 ** 20;
const KB = 1_024;

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** Subscribed viewers, each with a bound session, on so many nodes: all drop, and all come back. */
export function sockets(count: number, nodes: number): Workload {
  const where = nodes === 1 ? 'one process' : `${nodes} processes that share a core`;
  return {
    name: nodes === 1 ? 'sockets' : 'sockets-nodes',
    title: `Everybody drops and comes back${nodes === 1 ? '' : `, ${nodes} nodes`}`,
    about:
      `${count.toLocaleString('en-US')} viewers on ${where}, each with a session bound to the connection and a roster. All lose ` +
      'their connections in the same moment and come back at once, while a few users change. Whoever is told UNAVAILABLE or cut off meanwhile tries again. Latency runs from when a change was ' +
      `due to be made, on another node. DISCONNECT_GRACE_MS is ${GRACE_MS}: nobody may be shown OFFLINE meanwhile.`,
    columns: [
      { key: 'back', label: 'all back, rosters complete', unit: 's' },
      { key: 'p50', label: 'live change p50', unit: 'ms' },
      { key: 'p99', label: 'live change p99', unit: 'ms' },
      { key: 'offline', label: 'frames with a false OFFLINE', unit: '' },
      { key: 'refusals', label: 'told to try again, or cut off', unit: '' },
      { key: 'heap', label: 'heap a viewer', unit: 'KB' },
      { key: 'rss', label: 'RSS a viewer', unit: 'KB' },
      { key: 'total', label: 'RSS in all', unit: 'MB' },
      { key: 'cpu', label: 'CPU a viewer coming back', unit: 'µs' },
      { key: 'redis', label: 'CPU of Redis a viewer', unit: 'µs' },
      { key: 'roster50', label: 'roster complete p50', unit: 's' },
      { key: 'delay', label: 'event loop, longest', unit: 'ms' },
      { key: 'in', label: 'all in the first time', unit: 's' },
      { key: 'sockets', label: 'viewers', unit: '' },
    ],
    seconds: 60 + count / 100,
    obstacle: () => raiseOpenFiles(count, nodes),
    leavesOut: ({ name }) => (name === 'rollcall' ? null : 'this is about Rollcall'),
    run: async (contestant, { friends, under, status }) => {
      const undo: (() => unknown)[] = [];
      try {
        const redis = await startRedis();
        undo.push(() => redis.stop());
        const place = { redisUrl: redis.url, friendsFile: '' };
        const origin = await contestant.openOrigin(place);
        undo.push(() => origin.close());
        const graph = evenGraph(count, friends);
        // They are online by their own sessions, on the connections that drop.
        const seeding = (what: string, written: number): void => status(`${written} ${what} written`);
        await origin.seed(graph, false, (user) => markOf(user + 1), seeding);

        const { script, args, ready } = contestant;
        const env = { ...contestant.env(place), DISCONNECT_GRACE_MS: String(GRACE_MS) };
        const servers: ServerProcess[] = [];
        undo.push(() => Promise.all(servers.map((server) => server.stop())));
        for (let node = 0; node < nodes; node++) {
          servers.push(await ServerProcess.start({ under, script, args, env, ready }));
        }
        const done = servers.map(() => 0);
        const crowds = servers.map(
          (_, part) =>
            new CrowdProcess((of) => {
              done[part] = of;
              status(`${sum(done)} of ${count} in`);
            }),
        );
        undo.push(() => Promise.all(crowds.map((crowd) => crowd.stop())));
        const all = <T>(act: (crowd: CrowdProcess, part: number) => Promise<T>): Promise<T[]> =>
          Promise.race([Promise.all(crowds.map(act)), ...servers.map(({ failure }) => failure)]);
        const memory = (): Promise<Memory[]> => Promise.all(servers.map((server) => server.memory()));
        const enter = () => all((crowd) => crowd.ask('enter', { atOnce: Math.ceil(AT_ONCE / nodes) }));
        const converge = (made: number) => all((crowd) => crowd.ask('converge', { made }));

        await all((crowd, part) =>
          crowd.ask('gather', {
            contestant: contestant.name,
            users: count,
            friends,
            part,
            parts: nodes,
            port: servers[part]?.port ?? 0,
            // No address is used for two servers, so that none runs out of ports.
            sources: Array.from(
              { length: Math.ceil(count / nodes / SOCKETS_AN_ADDRESS) },
              (_, index) => `127.0.${part + 1}.${index + 2}`,
            ),
          }),
        );
        const empty = await memory();
        const enteredAt = performance.now();
        await enter();
        const enterMs = performance.now() - enteredAt;
        status('all are in; until each shows the newest of all friends');
        await converge(0);
        status('all show it; memory');
        await sleep(STAY_MS);
        const full = await memory();
        // The pause for the forced collection was ours: what it has held up is not to be measured.
        await sleep(STAY_MS);

        const userAt = rotation(graph, [...Array(count).keys()]);
        const users = Array.from({ length: PLANNED }, (_, turn) => userAt(turn));
        const startsAt = performance.timeOrigin + performance.now() + LEAD_MS;
        await all((crowd) => crowd.ask('plan', { users, startsAt, everyMs: CHANGE_EVERY_MS }));
        await Promise.all(servers.map((server) => server.watchDelay()));
        const over = new AbortController();
        const changing = changeOnTime(users, startsAt, over.signal, (user, turn) =>
          origin.change(user, markOf(count + 1 + turn)),
        );
        // Whoever is awaited first fails the measurement; the other one must not go unheard.
        changing.catch(() => {});
        const cpu = (): number => sum(servers.map((server) => server.cpu()));
        const redisCpu = (): number => cpuOf(redis.pid ?? 0);
        const before = cpu();
        const redisBefore = redisCpu();
        done.fill(0);
        status('all drop');
        await all((crowd) => crowd.ask('drop', {}));
        await enter();
        const used = cpu() - before;
        const redisUsed = redisCpu() - redisBefore;
        const delays = await Promise.all(servers.map((server) => server.delay()));
        over.abort();
        status('all are back; until each shows the newest of all friends');
        await converge(await changing);
        await sleep(WATCH_MS);

        const figures = await all((crowd) => crowd.ask('figures', {}));
        if (sum(figures.map(({ wentBack }) => wentBack)) > 0)
          throw new Error('an older state was shown after a newer one');
        const latencies = merged(figures, 'latencies');
        const rosters = merged(figures, 'rosters');
        const grown = (key: 'heapUsed' | 'rss'): number =>
          sum(full.map((of) => of[key])) - sum(empty.map((of) => of[key]));
        return {
          back: rosters.max / 1e3,
          p50: latencies.percentile(0.5),
          p99: latencies.percentile(0.99),
          offline: sum(figures.map((of) => of.offline)),
          refusals: sum(figures.map((of) => of.refusals)),
          heap: grown('heapUsed') / count / KB,
          rss: grown('rss') / count / KB,
          total: sum(full.map(({ rss }) => rss)) / MB,
          cpu: used / count / 1e3,
          redis: redisUsed / count / 1e3,
          roster50: rosters.percentile(0.5) / 1e3,
          delay: Math.max(...delays.map(({ maxMs }) => maxMs)),
          in: enterMs / 1e3,
          sockets: count,
        };
      } finally {
        await undoAll(undo);
      }
    },
  };
}

const markOf = (change: number): string => `~${change}~`;

function merged(figures: readonly CrowdFigures[], key: 'latencies' | 'rosters'): Latencies {
  const all = new Latencies();
  for (const of of figures) all.addAll(of[key]);
  return all;
}

/** Makes each change when it is due until told to stop; resolves with how many have been made. */
async function changeOnTime(
  users: readonly number[],
  startsAt: number,
  signal: AbortSignal,
  change: (user: number, turn: number) => Promise<void>,
): Promise<number> {
  const made: Promise<void>[] = [];
  for (const [turn, user] of users.entries()) {
    const due = startsAt + turn * CHANGE_EVERY_MS - performance.timeOrigin;
    await sleep(Math.max(0, due - performance.now()));
    if (signal.aborted) break;
    const making = change(user, turn);
    making.catch(() => {});
    made.push(making);
  }
  await Promise.all(made);
  return made.length;
}
