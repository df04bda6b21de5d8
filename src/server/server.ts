import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../config.ts';
import { closeSchema } from '../graphql/introspection.ts';
import { buildSchema } from '../graphql/schema.ts';
import type { Logger } from '../log.ts';
import { createRollcall } from '../service/create.ts';
import { createAuthenticate } from './auth.ts';
import { openEngine } from './engine.ts';
import { createGraphiQLPage } from './graphiql.ts';
import { createGraphQLOverHttp } from './graphql-over-http.ts';
import { createHttpServer } from './http.ts';
import { limitLog } from './limited-log.ts';
import { createMetrics } from './metrics.ts';
import { createBrowserRules } from './origin.ts';
import { Streams } from './streams.ts';
import { declineUpgrade, wantsWebSocket } from './upgrade.ts';
import { WebSocketEndpoint } from './websocket.ts';

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
  const rules = createBrowserRules(config);
  const engine = openEngine(config, log);
  const { store, friends } = engine;
  engine.usable.catch(() => {});
  const rollcall = await createRollcall({ store, friends, settings: config.service, log });
  const metrics = createMetrics();
  const clock = store.clock;
  const authenticate = createAuthenticate(config.auth, clock);
  const streams = new Streams(clock, metrics);
  const clientLog = limitLog(log);
  const report = (error: unknown): void => clientLog.error({ err: error }, 'an operation failed unexpectedly');
  let stopping = false;
  const draining = (): boolean => stopping;

  const websockets = new WebSocketEndpoint({
    schema,
    rollcall,
    clock,
    authenticate,
    rules,
    metrics,
    report,
    draining,
    log: clientLog,
  });
  const graphql = createGraphQLOverHttp({ schema, rollcall, authenticate, metrics, report, streams });
  const server = createHttpServer({
    graphql,
    page: config.introspection ? createGraphiQLPage(config.auth.mode === 'dev') : null,
    rules,
    metrics,
    notReady: () => (stopping ? 'draining' : rollcall.ready() ? null : 'the store is out of reach'),
    draining,
    dev: config.auth.mode === 'dev',
    log: clientLog,
  });
  server.on('upgrade', (request, socket, head) => {
    if (wantsWebSocket(request)) websockets.upgrade(request, socket, head);
    else declineUpgrade(server, request, socket, head);
  });

  const closeService = async (): Promise<void> => {
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
      await stopListening(server);
      await closeService();
    } catch (error) {
      log.error({ err: error }, 'could not stop in good order');
    }
  };
  let stopped: Promise<void> | null = null;
  const serving = async (): Promise<void> => {
    await engine.usable;
    while (!rollcall.ready()) {
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
