import { createHash } from 'node:crypto';
import { LightHttp } from '../client/http.ts';
import { type Contestant, type HttpDialect, userId } from '../contestants/contestant.ts';
import { evenGraph } from '../crowd/graph.ts';
import { Latencies } from '../measure/latencies.ts';
import { Stage } from '../run/stage.ts';
import { costOf } from './load.ts';
import type { Column, Figures, Setting, Workload } from './workload.ts';

/** How many heartbeats are under way at once. */
const WIDTH = 32;

const COLUMNS: readonly Column[] = [
  { key: 'cpu', label: 'CPU a heartbeat', unit: 'µs' },
  { key: 'throughput', label: 'heartbeats a second', unit: '' },
  { key: 'p50', label: 'p50', unit: 'ms' },
  { key: 'p99', label: 'p99', unit: 'ms' },
  { key: 'redis', label: 'CPU of Redis a heartbeat', unit: 'µs' },
];

type Beat = (turn: number, lane: number) => Promise<void>;

/** `WIDTH` lanes, in each one heartbeat after the other, for a while to warm up and then to measure. */
async function beatFor(stage: Stage, seconds: number, beat: Beat): Promise<Figures> {
  const latencies = new Latencies();
  let turn = 0;
  const run = async (ms: number): Promise<void> => {
    const until = performance.now() + ms;
    const lane = async (_: unknown, index: number): Promise<void> => {
      while (performance.now() < until) {
        const startedAt = performance.now();
        await beat(turn++, index);
        latencies.add(performance.now() - startedAt);
      }
    };
    await Promise.all(Array.from({ length: WIDTH }, lane));
  };
  await run(seconds * 500);
  latencies.clear();
  const cost = await costOf(stage, () => run(seconds * 1e3));
  return {
    cpu: cost.cpu / latencies.count / 1e3,
    throughput: (latencies.count * 1e3) / cost.wallMs,
    p50: latencies.percentile(0.5),
    p99: latencies.percentile(0.99),
    redis: cost.redisCpu / latencies.count / 1e3,
  };
}

const onStage = <T>(contestant: Contestant, { viewers, friends, under }: Setting, act: (stage: Stage) => Promise<T>) =>
  Stage.on({ contestant, graph: evenGraph(viewers, friends), viewers, under }, act);

const hasNone = 'it has no heartbeats';

export const heartbeatWs: Workload = {
  name: 'heartbeat-ws',
  title: 'Heartbeats over WebSocket',
  about: `Sessions that exist say that they live, ${WIDTH} at a time, over as many open connections as there are viewers. Nothing changes that anybody can see.`,
  columns: COLUMNS,
  seconds: 10,
  leavesOut: ({ name, dialect }) => {
    if (name === 'rollcall-coalesced') return 'the same as Rollcall';
    return dialect.heartbeat('', 1, false) === null ? hasNone : null;
  },
  run: (contestant, setting) =>
    onStage(contestant, setting, async (stage) => {
      await stage.crowd.enter('talk');
      const { viewers } = stage.crowd;
      return await beatFor(stage, setting.seconds, async (turn) => {
        await viewers[turn % viewers.length]?.heartbeat(turn + 1, false);
      });
    }),
};

export const heartbeatHttp: Workload = {
  name: 'heartbeat-http',
  title: 'Heartbeats over HTTP',
  about: `The same over ${WIDTH} kept HTTP connections, with the typed document as text in each request.`,
  columns: COLUMNS,
  seconds: 10,
  leavesOut: withoutHttp,
  run: (contestant, setting) =>
    onStage(contestant, setting, (stage) => {
      const http = dialectOf(contestant);
      return overHttp(stage, setting, http, (user) => http.heartbeat(user));
    }),
};

export const heartbeatPersisted: Workload = {
  name: 'heartbeat-persisted',
  title: 'Heartbeats over HTTP, persisted document',
  about: 'The same with the SHA-256 of the document in the place of its text.',
  columns: COLUMNS,
  seconds: 10,
  leavesOut: (contestant) =>
    contestant.name === 'stack' ? 'without the plugin for it, as most are run' : withoutHttp(contestant),
  run: (contestant, setting) =>
    onStage(contestant, setting, async (stage) => {
      const http = dialectOf(contestant);
      const form = await persistedForm(stage.server.port, http);
      if (form === null) return {};
      return await overHttp(stage, setting, http, (user) => form(http.heartbeat(user)));
    }),
};

function withoutHttp({ name, http }: Contestant): string | null {
  if (name === 'rollcall-coalesced') return 'the same as Rollcall';
  return http === null ? 'it takes none over HTTP' : null;
}

function dialectOf({ http, label }: Contestant): HttpDialect {
  if (!http) throw new Error(`${label} takes no heartbeats over HTTP.`);
  return http;
}

async function overHttp(
  stage: Stage,
  { viewers, seconds }: Setting,
  http: HttpDialect,
  bodyFor: (user: string) => string,
): Promise<Figures> {
  const connections = await Promise.all(Array.from({ length: WIDTH }, () => LightHttp.open(stage.server.port)));
  // Each user has one request under way at most.
  const users = Array.from({ length: Math.max(viewers, WIDTH) }, (_, user) => userId(user % viewers));
  const requests = users.map((user) => ({ headers: http.headers(user), body: bodyFor(user) }));
  try {
    return await beatFor(stage, seconds, async (turn, lane) => {
      const request = requests[turn % requests.length];
      const connection = connections[lane];
      if (!request || !connection) throw new Error('There are as many connections as lanes.');
      const { status, body } = await connection.post(http.path, request.headers, request.body);
      if (status !== 200) throw new Error(`a heartbeat was answered with ${status}: ${body}`);
      http.check(body);
    });
  } finally {
    for (const connection of connections) connection.close();
  }
}

type Form = (body: string) => string;

/** The ways in which clients name a document by its hash. */
const FORMS: readonly ((hash: string, rest: object) => object)[] = [
  (hash, rest) => ({ ...rest, documentId: `sha256:${hash}` }),
  (hash, rest) => ({ ...rest, documentId: hash }),
  (hash, rest) => ({ ...rest, extensions: { persistedQuery: { version: 1, sha256Hash: hash } } }),
];

/** How this server takes them; null where it does not. */
async function persistedForm(port: number, http: HttpDialect): Promise<Form | null> {
  const connection = await LightHttp.open(port);
  const first = userId(0);
  try {
    // Servers that know no documents from the start are sent the text once.
    await connection.post(http.path, http.headers(first), http.heartbeat(first));
    for (const form of FORMS) {
      const rewrite: Form = (text) => {
        const { query, ...rest } = JSON.parse(text) as { query: string };
        return JSON.stringify(form(createHash('sha256').update(query).digest('hex'), rest));
      };
      const { body } = await connection.post(http.path, http.headers(first), rewrite(http.heartbeat(first)));
      try {
        http.check(body);
        return rewrite;
      } catch {
        // Not this way; the next one may do.
      }
    }
    return null;
  } finally {
    connection.close();
  }
}
