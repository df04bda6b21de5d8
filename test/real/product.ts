import { type Environment, runCommand, type ServerProcess, startProcess } from '../support/server.ts';

/** One process of the built product. */
export type Server = Pick<ServerProcess, 'url'>;

/**
 * Starts a process for each of `environments`, with the sign-in for development, and stops them when `act` is done.
 * Rejects as `act` does, else when one does not start or does not end well.
 */
export async function whileServing(
  environments: readonly Environment[],
  act: (servers: readonly Server[]) => Promise<void>,
): Promise<void> {
  const servers: ServerProcess[] = [];
  let stopping = false;
  let died: string | null = null;
  try {
    for (const env of environments) {
      const server = await startProcess({ env: { AUTH_MODE: 'dev', DRAIN_MS: '0', ...env } });
      servers.push(server);
      void server.exited.then(({ code, signal }) => {
        if (!stopping || code !== 0) died ??= `rollcall serve ended with ${code ?? signal}:\n${server.output()}`;
      });
    }
    await act(servers);
  } catch (error) {
    // A server that has died explains more than what comes of it.
    throw died === null ? error : new Error(died, { cause: error });
  } finally {
    stopping = true;
    await Promise.all(servers.map((server) => server.stop()));
  }
  if (died !== null) throw new Error(died);
}

/** `rollcall import-friends FILE`. Resolves with the last line that it printed. */
export async function importFriends(file: string, redisUrl: string): Promise<string> {
  const command = runCommand(['import-friends', file], { REDIS_URL: redisUrl });
  const { code, signal } = await command.exited;
  if (code !== 0) throw new Error(`rollcall import-friends ended with ${code ?? signal}:\n${command.output()}`);
  return command.output().trim().split('\n').at(-1) ?? '';
}

/** Items are spread over the processes in turn. */
export function inTurn(servers: readonly Server[], index: number): Server {
  const server = servers[index % servers.length];
  if (!server) throw new Error('There is no server.');
  return server;
}
