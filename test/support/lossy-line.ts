import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Fate } from './model-link.ts';
import { onFreePort } from './port.ts';

const CHANGES = /^\*3\r\n\$7\r\nmessage\r\n\$\d+\r\nrollcall:\{p\d+\}:changes\r\n/;

/**
 * A line to Redis on which published changes get lost or come twice. Everything else passes as it is. Friend lists'
 * messages are no changes.
 */
export class LossyLine {
  readonly #port: number;
  readonly #fate: () => Fate;
  readonly #sockets = new Set<Socket>();
  #server: Server | null = null;
  lost = 0;
  repeated = 0;

  constructor(port: number, fate: () => Fate) {
    this.#port = port;
    this.#fate = fate;
  }

  open(): Promise<number> {
    return onFreePort((port) => this.#listen(port));
  }

  async #listen(port: number): Promise<number> {
    const server = createServer((near) => {
      const far = connect({ port: this.#port, host: '127.0.0.1', noDelay: true });
      near.setNoDelay(true);
      for (const [one, other] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(one);
        one.on('error', () => other.destroy());
        one.on('close', () => {
          this.#sockets.delete(one);
          other.destroy();
        });
      }
      near.on('data', (chunk) => void far.write(chunk));
      let rest: Buffer = Buffer.alloc(0);
      far.on('data', (chunk) => {
        rest = Buffer.concat([rest, chunk]);
        for (;;) {
          const end = endOfReply(rest, 0);
          if (end === null) break;
          this.#relay(near, rest.subarray(0, end));
          rest = rest.subarray(end);
        }
      });
    });
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    this.#server = server;
    return port;
  }

  #relay(near: Socket, reply: Buffer): void {
    const fate = CHANGES.test(reply.toString('latin1', 0, 100)) ? this.#fate() : 'deliver';
    if (fate === 'lose') this.lost += 1;
    else near.write(reply);
    if (fate !== 'repeat') return;
    this.repeated += 1;
    near.write(reply);
  }

  /** All connections break at once; new ones are made. */
  reset(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  close(): void {
    this.#server?.close();
    this.reset();
  }
}

/** Where the reply that begins at `from` ends; null where it has not all arrived. */
function endOfReply(bytes: Buffer, from: number): number | null {
  const line = bytes.indexOf('\r\n', from);
  if (line < 0) return null;
  const kind = bytes[from];
  const count = Number(bytes.toString('latin1', from + 1, line));
  if (kind === 0x24) {
    const end = count < 0 ? line + 2 : line + 2 + count + 2;
    return end <= bytes.length ? end : null;
  }
  if (kind !== 0x2a) return line + 2;
  let end: number | null = line + 2;
  for (let index = 0; index < count && end !== null; index += 1) end = endOfReply(bytes, end);
  return end;
}
