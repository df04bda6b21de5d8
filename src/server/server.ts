import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../config.ts';
import { closeSchema } from '../graphql/introspection.ts';
import { buildSchema } from '../graphql/schema.ts';
import { UpdateWriters } from '../graphql/update-writers.ts';
import type { Logger } from '../log.ts';
import { createRollcall } from '../service/create.ts';
import { MonotonicClock } from '../store/monotonic-clock.ts';
import { openSignIn } from './auth.ts';
import { openEngine } from './engine.ts';
import { createGraphiQLPage } from './graphiql.ts';
import { createGraphQLOverHttp } from './graphql-over-http.ts';
import { createHttpServer } from './http.ts';
import { limitLog } from './limited-log.ts';
import { createLimits } from './limits.ts';
import { createMetrics } from './metrics.ts';
import { openDoors } from './open-doors.ts';
import { createBrowserRules } from './origin.ts';
import { openDocuments } from './persisted-documents.ts';
import { Streams } from './streams.ts';
import { declineUpgrade, wantsWebSocket } from './upgrade.ts';
import { WebSocketEndpoint } from './websocket.ts';

/** `the keys`: those that tokens are checked with. */
export type Lack = 'the store' | 'the keys';

export interface RunningServer {
  /** The one that it listens on, chosen by the system where the setting is 0. */
  readonly port: number;
  /** Where a browser on this machine finds it: `http://host:port`, without a path. */
  readonly url: string;
  /**
   * Resolves when requests can be served for the first time. Rejects when they never can, with one line for the
   * operator, and when it is closed before. Nobody has to listen.
   */
  readonly whenReady: Promise<void>;
  /** What it cannot do without and does not have at this moment. */
  lacks(): Lack | null;
  /**
   * Stops in good order: not ready, no new streams, goodbyes spread over DRAIN_MS, requests under way answered, all
   * that is bound to this node handed over, the engine closed. Idempotent; never rejects.
   */
  close(): Promise<void>;
}

/** How often it is looked whether requests can be served for the first time; there is nothing that would tell. */
const LOOK_MS = 50;
/** How long requests that are under way when all else has ended are waited for. */
const LAST_REQUESTS_MS = 5_000;

/**
 * Listens, whether the store is in reach or not; until it is, /readyz is 503 and operations are UNAVAILABLE. Rejects
 * with the system's error when it cannot listen; then nothing is left open.
 */
export async function startServer(config: Config, log: Logger): Promise<RunningServer> {
  const schema = config.introspection ? buildSchema() : closeSchema(buildSchema());
  const documents = await openDocuments(schema, config.persistedDocuments, config.limits.query);
  const rules = createBrowserRules(config);
  const engine = openEngine(config, log);
  const { store, friends } = engine;
  engine.usable.catch(() => {});
  const rollcall = await createRollcall({ store, friends, settings: config.service, log });
  const metrics = createMetrics();
  const clock = store.clock;
  // What a node can bear is measured in its own time, which goes on while the store is away.
  const limits = createLimits(config.limits, new MonotonicClock());
  const streams = new Streams(clock, metrics, limits);
  for (const line of openDoors(config)) log.warn({}, line);
  const signIn = openSignIn(config.auth, clock, log);
  const { authenticate } = signIn;
  const clientLog = limitLog(log);
  const report = (error: unknown): void => clientLog.error({ err: error }, 'an operation failed unexpectedly');
  let stopping = false;
  const draining = (): boolean => stopping;
  const lacks = (): Lack | null => (!rollcall.ready() ? 'the store' : signIn.ready() ? null : 'the keys');
  const notReady = (): string | null => {
    if (stopping) return 'draining';
    switch (lacks()) {
      case null:
        return null;
      case 'the store':
        return 'the store is out of reach';
      case 'the keys':
        return 'the keys that tokens are checked with are out of reach';
    }
  };

  const writers = new UpdateWriters(schema);
  const websockets = new WebSocketEndpoint({
    schema,
    writers,
    documents,
    rollcall,
    clock,
    authenticate,
    limits,
    rules,
    metrics,
    report,
    draining,
    log: clientLog,
  });
  const graphql = createGraphQLOverHttp({
    schema,
    documents,
    limits,
    rollcall,
    authenticate,
    metrics,
    report,
    streams,
    writers,
  });
  const server = createHttpServer({
    graphql,
    page: config.graphiql ? createGraphiQLPage(config.auth.mode === 'dev') : null,
    rules,
    maxBodyBytes: config.limits.messageBytes,
    metrics,
    notReady,
    draining,
    dev: config.auth.mode === 'dev',
    log: clientLog,
  });
  server.on('upgrade', (request, socket, head) => {
    if (wantsWebSocket(request)) websockets.upgrade(request, socket, head);
    else declineUpgrade(server, request, socket, head);
  });

  const closeService = async (): Promise<void> => {
    signIn.close();
    await websockets.close();
    await rollcall.close();
    await engine.close();
    metrics.registry.clear();
  };
  let port: number;
  try {
    port = await listen(server, config);
    // One connection that could not be taken, for want of file descriptors perhaps, is no reason to drop the others.
    server.on('error', (error) => clientLog.error({ err: error }, 'a connection could not be taken'));
  } catch (error) {
    await closeService();
    throw error;
  }

  const stop = async (): Promise<void> => {
    stopping = true;
    try {
      await Promise.all([websockets.drain(config.drainMs), streams.drain(config.drainMs)]);
      // Who waits for keys is answered now.
      signIn.close();
      await stopListening(server);
      await closeService();
    } catch (error) {
      log.error({ err: error }, 'could not stop in good order');
    }
  };
  let stopped: Promise<void> | null = null;
  const serving = async (): Promise<void> => {
    await engine.usable;
    while (lacks() !== null) {
      if (stopping) throw new Error('It was closed before it could serve.');
      await sleep(LOOK_MS, undefined, { ref: false });
    }
  };
  const whenReady = serving();
  whenReady.catch(() => {});
  return {
    port,
    url: urlOf(config.host, port),
    whenReady,
    lacks,
    close: () => {
      stopped ??= stop();
      return stopped;
    },
  };
}

function listen(server: Server, { port, host }: Config): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host }, () => {
      server.off('error', reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

async function stopListening(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const overdue = setTimeout(() => server.closeAllConnections(), LAST_REQUESTS_MS);
  await closed;
  clearTimeout(overdue);
}

function urlOf(host: string, port: number): string {
  const reachable = host === '0.0.0.0' || host === '::' ? 'localhost' : host;
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`;
}
