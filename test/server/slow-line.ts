import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

const TICK_MS = 10;

/** A way to a server over which what it sends arrives at a steady pace, and what is sent to it at once. */
export interface SlowLine {
  /** `http://host:port`, without a path. */
  readonly url: string;
  /** Resolves when that many bytes have come through from the server. */
  passed(bytes: number): Promise<void>;
  /** From now on what the server sends is taken from it and never arrives. */
  stall(): void;
  /** Resolves when the server has closed a connection. */
  readonly closedByServer: Promise<void>;
  close(): Promise<void>;
}

/** `rate` is in bytes a millisecond. */
export async function openSlowLine(port: number, rate: number): Promise<SlowLine> {
  const open = new Set<Socket>();
  const waiting = new Set<() => void>();
  let through = 0;
  let stalled = false;
  let serverClosed = (): void => {};
  const closedByServer = new Promise<void>((resolve) => {
    serverClosed = resolve;
  });
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    let held = Buffer.alloc(0);
    const ticking = setInterval(() => {
      const part = held.subarray(0, stalled ? 0 : rate * TICK_MS);
      held = held.subarray(part.length);
      if (part.length > 0) near.write(part);
      through += part.length;
      for (const look of waiting) look();
    }, TICK_MS);
    for (const socket of [near, far]) {
      open.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => open.delete(socket));
    }
    near.on('data', (data) => far.write(data));
    far.on('data', (data) => {
      held = Buffer.concat([held, data]);
    });
    near.on('close', () => {
      clearInterval(ticking);
      far.destroy();
    });
    far.on('close', () => {
      serverClosed();
      near.destroy();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    passed: (bytes) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (through < bytes) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      }),
    stall: () => {
      stalled = true;
    },
    closedByServer,
    close: async () => {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
