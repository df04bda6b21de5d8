import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { evenGraph } from '../crowd/graph.ts';
import { Latencies } from '../measure/latencies.ts';
import { commandCounts, commandsBetween } from '../measure/redis-commands.ts';
import { Stage } from '../run/stage.ts';
import { costOf, paced, warmUp } from './load.ts';
import type { Figures, Workload } from './workload.ts';

/** Until nothing is left to do of everybody's coming in. */
const SETTLE_MS = 2_000;
/** Idle connections are measured over at least this long: what happens every few seconds must be in it. */
const IDLE_SECONDS = 10;
const KB = 1_024;

export const idle: Workload = {
  name: 'idle',
  title: 'Idle connections',
  about:
    'So many people are online and do nothing: sessions bound to their connections, or, where there is no such thing, a ' +
    'heartbeat each 30 s. What the server asks of Redis, what it asks from within scripts included, and what it needs itself.',
  columns: [
    { key: 'commands', label: 'Redis commands a second', unit: '' },
    { key: 'cpu', label: 'CPU a second', unit: 'ms' },
    { key: 'redis', label: 'CPU of Redis a second', unit: 'ms' },
    { key: 'rss', label: 'RSS a connection', unit: 'KB' },
    { key: 'connections', label: 'connections', unit: '' },
  ],
  seconds: 23,
  leavesOut: ({ name }) => {
    if (name === 'rollcall-coalesced') return 'the same as Rollcall';
    return name === 'bare' ? 'it keeps nothing in Redis' : null;
  },
  run: (contestant, { idle: connections, seconds, under, status }) =>
    Stage.on(
      { contestant, graph: evenGraph(Math.max(4, connections), 2), viewers: connections, online: false, under },
      async (stage) => {
        const { viewers } = stage.crowd;
        // It has written what it had to, and what another node asks of Redis is not to be counted.
        await stage.origin.close();
        const empty = await stage.server.memory();
        await stage.crowd.enter('stay', { progress: (done) => status(`${done} of ${connections} connected`) });
        await sleep(SETTLE_MS);
        const full = await stage.server.memory();
        const redis = stage.redis ? new Redis(stage.redis.url) : null;
        try {
          const every = contestant.dialect.idleHeartbeatMs;
          const ms = Math.max(seconds, Math.min(IDLE_SECONDS, seconds * 3)) * 1e3;
          const before = redis && (await commandCounts(redis));
          const cost = await costOf(stage, async () => {
            if (every === null) await sleep(ms);
            else {
              const rate = (connections * 1e3) / every;
              await paced(rate, ms, async (turn) => {
                await viewers[turn % viewers.length]?.heartbeat(turn + 1, false);
              });
            }
          });
          const asked = redis && before ? commandsBetween(before, await commandCounts(redis)) : 0;
          return {
            commands: (asked * 1e3) / cost.wallMs,
            cpu: cost.cpu / cost.wallMs / 1e3,
            redis: cost.redisCpu / cost.wallMs / 1e3,
            rss: (full.rss - empty.rss) / connections / KB,
            connections,
          };
        } finally {
          redis?.disconnect();
        }
      },
    ),
};

export const login: Workload = {
  name: 'login',
  title: 'Everybody comes at once',
  about: 'Every viewer connects, signs in, subscribes and gets the whole roster, 64 at a time.',
  columns: [
    { key: 'cpu', label: 'CPU a viewer', unit: 'µs' },
    { key: 'throughput', label: 'viewers a second', unit: '' },
    { key: 'p50', label: 'p50', unit: 'ms' },
    { key: 'p99', label: 'p99', unit: 'ms' },
    { key: 'all', label: 'all in', unit: 's' },
    { key: 'redis', label: 'CPU of Redis a viewer', unit: 'µs' },
  ],
  seconds: 8,
  leavesOut: ({ name }) => (name === 'rollcall-coalesced' ? 'the same as Rollcall' : null),
  run: (contestant, { viewers, friends, under }) =>
    Stage.on({ contestant, graph: evenGraph(viewers, friends), viewers, under }, async (stage) => {
      // Once before, so that code is compiled; then nobody is here any more.
      await stage.crowd.enter('watch');
      await stage.crowd.leave();
      await sleep(SETTLE_MS / 2);
      const latencies = new Latencies();
      const cost = await costOf(stage, () => stage.crowd.enter('watch', { latencies }));
      await stage.crowd.converged();
      return {
        cpu: cost.cpu / viewers / 1e3,
        throughput: (viewers * 1e3) / cost.wallMs,
        p50: latencies.percentile(0.5),
        p99: latencies.percentile(0.99),
        all: cost.wallMs / 1e3,
        ...(stage.redis === null ? {} : { redis: cost.redisCpu / viewers / 1e3 }),
      };
    }),
};

export const memory: Workload = {
  name: 'memory',
  title: 'Memory of a subscribed viewer',
  about:
    'What the server holds with everybody subscribed, less what it held before anybody came, after a forced collection, a ' +
    'viewer. Before, one in fifty has come, been shown changes and gone.',
  columns: [
    { key: 'heap', label: 'heap a viewer', unit: 'KB' },
    { key: 'rss', label: 'RSS a viewer', unit: 'KB' },
    { key: 'external', label: 'buffers a viewer', unit: 'KB' },
  ],
  seconds: 14,
  leavesOut: ({ name }) => (name === 'rollcall-coalesced' ? 'the same as Rollcall' : null),
  run: async (contestant, { viewers, friends, rate, seconds, under }): Promise<Figures> =>
    Stage.on({ contestant, graph: evenGraph(viewers, friends), viewers, under }, async (stage) => {
      // A few come and go first, so that code is compiled; what all have in common is counted with the others.
      await warmUp(stage, rate / 10, seconds * 250, Math.ceil(viewers / 50));
      await stage.crowd.leave();
      await sleep(SETTLE_MS);
      const empty = await stage.server.memory();
      await warmUp(stage, rate, seconds * 500);
      await sleep(SETTLE_MS);
      const full = await stage.server.memory();
      return {
        heap: (full.heapUsed - empty.heapUsed) / viewers / KB,
        rss: (full.rss - empty.rss) / viewers / KB,
        external: (full.external - empty.external) / viewers / KB,
      };
    }),
};
