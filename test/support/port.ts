import { createServer } from 'node:net';

const HOST = '127.0.0.1';
const ATTEMPTS = 5;
/** Below those that systems give to outgoing connections: one of these might sit on the port of a server that is down. */
const PORTS = { from: 12_000, until: 32_000 };

/** No port is given twice in one process: whoever has one may be down and come back. */
const given = new Set<number>();

/** A port of this machine that nobody listens on at this moment. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = PORTS.from + Math.floor(Math.random() * (PORTS.until - PORTS.from));
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    return port;
  }
}

/** Starts something on a free port; on another one where that fails: somebody else may have taken it meanwhile. */
export async function onFreePort<T>(start: (port: number) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start(await freePort());
    } catch (error) {
      if (attempt === ATTEMPTS) throw error;
    }
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const free = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, HOST, () => resolve(true));
  });
  if (free) await new Promise((resolve) => server.close(resolve));
  return free;
}
