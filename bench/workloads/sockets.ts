import { setTimeout as sleep } from 'node:timers/promises';
import { evenGraph } from '../crowd/graph.ts';
import { Latencies } from '../measure/latencies.ts';
import { raiseOpenFiles } from '../run/machine.ts';
import { Stage } from '../run/stage.ts';
import { paced, rotation } from './load.ts';
import type { Figures, Workload } from './workload.ts';

/** How long a session outlives its connection here: longer than it takes so many to come back on one core. */
const GRACE_MS = 180_000;
/** One loopback address has ports for some 28,000 connections. */
const SOCKETS_AN_ADDRESS = 10_000;
/** How many clients are on their way in at once. */
const AT_ONCE = 400;
/** Changes of all users together, a second, while everybody comes back. */
const LIVE_RATE = 5;
/** How long everybody stays before the drop, so that nothing of their coming is under way. */
const STAY_MS = 5_000;
/** How long is watched after everybody is back: deadlines may take effect two seconds late. */
const WATCH_MS = 10_000;
const OFFLINE = Buffer.from('"OFFLINE"');
const MB = 2 ** 20;
const KB = 1_024;

/** One server process with so many subscribed viewers, each with a bound session: all drop, and all come back. */
export function sockets(count: number): Workload {
  return {
    name: 'sockets',
    title: 'Everybody drops and comes back',
    about:
      `${count.toLocaleString('en-US')} viewers on one process, each with a session bound to the connection and a roster. All lose ` +
      `their connections in the same moment and come back at once, while a few users change. DISCONNECT_GRACE_MS is ${GRACE_MS}: ` +
      'nobody may be shown OFFLINE meanwhile.',
    columns: [
      { key: 'back', label: 'all back, rosters complete', unit: 's' },
      { key: 'p50', label: 'live change p50', unit: 'ms' },
      { key: 'p99', label: 'live change p99', unit: 'ms' },
      { key: 'offline', label: 'frames with a false OFFLINE', unit: '' },
      { key: 'heap', label: 'heap a viewer', unit: 'KB' },
      { key: 'rss', label: 'RSS a viewer', unit: 'KB' },
      { key: 'total', label: 'RSS in all', unit: 'MB' },
      { key: 'cpu', label: 'CPU a viewer coming back', unit: 'µs' },
      { key: 'roster50', label: 'roster complete p50', unit: 's' },
      { key: 'in', label: 'all in the first time', unit: 's' },
    ],
    obstacle: () => raiseOpenFiles(count),
    leavesOut: ({ name }) => (name === 'rollcall' ? null : 'this is about Rollcall'),
    run: async (contestant, { friends, under, status }) => {
      let offline = 0;
      let everybodyIsIn = false;
      const addresses = Math.ceil(count / SOCKETS_AN_ADDRESS);
      const options = {
        contestant,
        graph: evenGraph(count, friends),
        viewers: count,
        // They are online by their own sessions, on the connections that drop.
        online: false,
        under,
        env: { DISCONNECT_GRACE_MS: String(GRACE_MS) },
        sources: Array.from({ length: addresses }, (_, index) => `127.0.0.${index + 2}`),
        seeding: (what: string, written: number) => status(`${written} ${what} written`),
        inspect: (bytes: Buffer, start: number, end: number) => {
          if (everybodyIsIn && bytes.subarray(start, end).includes(OFFLINE)) offline += 1;
        },
      };
      return await Stage.on(options, async (stage) => {
        const { crowd, ledger, server } = stage;
        const empty = await server.memory();
        const enteredAt = performance.now();
        const entering = (done: number): void => status(`${done} of ${count} in`);
        await crowd.enter('bind-and-watch', { atOnce: AT_ONCE, progress: entering });
        const enterMs = performance.now() - enteredAt;
        await crowd.converged();
        await sleep(STAY_MS);
        const full = await server.memory();
        everybodyIsIn = true;
        const back = await dropAndReturn(stage, status);
        await crowd.converged();
        await sleep(WATCH_MS);
        crowd.check();
        if (ledger.wentBack > 0)
          throw new Error(`an older state was shown after a newer one, ${ledger.wentBack} times`);
        return {
          ...back,
          p50: ledger.latencies.percentile(0.5),
          p99: ledger.latencies.percentile(0.99),
          offline,
          heap: (full.heapUsed - empty.heapUsed) / count / KB,
          rss: (full.rss - empty.rss) / count / KB,
          total: full.rss / MB,
          in: enterMs / 1e3,
        };
      });
    },
  };
}

async function dropAndReturn(stage: Stage, status: (what: string) => void): Promise<Figures> {
  const { crowd, ledger, server } = stage;
  const count = crowd.viewers.length;
  const userAt = rotation(stage.graph, stage.watched);
  const rosters = new Latencies();
  ledger.measure();
  const returned = new AbortController();
  const changing = changeUntil(stage, userAt, returned.signal);
  const before = server.cpu();
  const droppedAt = performance.now();
  try {
    await crowd.leave('drop');
    const progress = (done: number): void => {
      rosters.add(performance.now() - droppedAt);
      status(`${done} of ${count} back`);
    };
    await crowd.enter('bind-and-watch', { atOnce: AT_ONCE, progress });
  } finally {
    returned.abort();
    await changing;
  }
  return {
    back: rosters.max / 1e3,
    roster50: rosters.percentile(0.5) / 1e3,
    cpu: (server.cpu() - before) / count / 1e3,
  };
}

async function changeUntil(stage: Stage, userAt: (turn: number) => number, signal: AbortSignal): Promise<void> {
  for (let turn = 0; !signal.aborted; turn += LIVE_RATE) {
    const first = turn;
    await paced(LIVE_RATE, 1_000, (step) => {
      const user = userAt(first + step);
      return stage.origin.change(user, stage.ledger.next(user));
    });
  }
}
