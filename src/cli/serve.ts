import { destination, type Logger, pino } from 'pino';
import { describeRedis } from '../config/redis-location.ts';
import type { Config } from '../config.ts';
import { type RunningServer, startServer } from '../server/server.ts';

/** Besides DRAIN_MS, how long stopping in good order may take before it is given up. */
const STOP_WAIT_MS = 15_000;
/** A store that has not been reached after this long is worth a line. */
const LATE_MS = 250;

/**
 * Serves until a signal says to stop; resolves with the exit code. SIGTERM and SIGINT stop in good order, a second one
 * at once. Logs go to stderr, what a person needs to know to stdout.
 */
export async function serve(config: Config): Promise<number> {
  const log = pino({ level: config.logLevel, base: null }, destination({ fd: 2, sync: true }));
  exitOnFault(log);
  const stopped = new Promise<NodeJS.Signals>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, resolve);
  });

  let server: RunningServer;
  try {
    server = await startServer(config, log);
  } catch (error) {
    const message = cannotListen(error, config);
    if (message === null) throw error;
    process.stderr.write(`rollcall: ${message}\n`);
    return 1;
  }
  const human = process.stdout.isTTY || config.auth.mode === 'dev';
  const say = (line: string, details: string[] = []): void => {
    if (human) process.stdout.write(`${[line, ...details.map((detail) => `  ${detail}`)].join('\n')}\n`);
    log[human ? 'debug' : 'info']({ url: server.url }, line);
  };
  const unusable = new Promise<Error>((resolve) => {
    const late = setTimeout(() => {
      say(`Rollcall is listening at ${server.url}/graphql${waitsFor(server, config)}`);
    }, LATE_MS);
    server.whenReady
      .then(() => say(`Rollcall is ready at ${server.url}/graphql`, notes(config)), resolve)
      .finally(() => clearTimeout(late));
  });

  const reason = await Promise.race([stopped, unusable]);
  if (reason instanceof Error) {
    process.stderr.write(`rollcall: ${reason.message}\n`);
    await server.close();
    return 1;
  }
  for (const again of ['SIGTERM', 'SIGINT'] as const) process.once(again, () => process.exit(1));
  say(`Rollcall is stopping (${reason}), within ${config.drainMs} ms; a second signal stops it at once`);
  const overdue = setTimeout(() => {
    log.fatal('could not stop in time');
    process.exit(1);
  }, config.drainMs + STOP_WAIT_MS);
  await server.close();
  clearTimeout(overdue);
  say('Rollcall has stopped');
  return 0;
}

function waitsFor(server: RunningServer, { redis, auth }: Config): string {
  if (server.lacks() === 'the keys' && auth.mode === 'jwt' && auth.key.kind === 'jwks') {
    return ` and waits for the keys at ${new URL(auth.key.url).host}`;
  }
  return redis === null ? '' : ` and waits for Redis at ${describeRedis(redis)}`;
}

function notes(config: Config): string[] {
  return [
    config.auth.mode === 'dev'
      ? 'Development sign-in: be anyone with "Authorization: Bearer ada".'
      : 'Sign in with a JSON Web Token: "Authorization: Bearer <token>".',
    config.redis === null
      ? 'Embedded engine: what it knows ends with this process. Set REDIS_URL to keep it.'
      : `Everything is kept in Redis at ${describeRedis(config.redis)}.`,
    ...(config.persistedDocuments.only
      ? [`Nothing is run but the documents in ${config.persistedDocuments.file}; there is no GraphiQL.`]
      : []),
  ];
}

/** What nobody has caught leaves the process in a state that nobody knows: it ends, and whoever runs it starts another. */
function exitOnFault(log: Logger): void {
  process.on('unhandledRejection', (reason) => {
    log.fatal({ err: reason }, 'a rejection was not handled');
    process.exit(1);
  });
  process.on('uncaughtException', (error) => {
    log.fatal({ err: error }, 'an exception was not caught');
    process.exit(1);
  });
}

/** One line on why it cannot listen, or null when that is not what went wrong. */
function cannotListen(error: unknown, { host, port }: Config): string | null {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  switch (code) {
    case 'EADDRINUSE':
      return `port ${port} of ${host} is in use: stop what uses it, or choose another one with PORT.`;
    case 'EACCES':
      return `port ${port} of ${host} may not be used by this user: choose another one with PORT.`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `HOST ${host} is no address of this machine.`;
    default:
      return null;
  }
}
