import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { onFreePort } from './port.ts';

/** A stretch of network between somebody and one port of this machine, which tests break and mend. */
export interface TcpProxy {
  readonly port: number;
  /** Between `stall` and `heal`. */
  readonly stalled: boolean;
  /** Where connections that are made from now on lead to. */
  leadTo(port: number): void;
  /** Breaks all connections; new ones are refused until `heal`. */
  cut(): Promise<void>;
  /** Breaks all connections once. */
  reset(): void;
  /** What is connected now hears nothing more, for good; connections that are made later are sound. */
  forget(): void;
  /** A black hole until `heal`: connections stay open, new ones seem to open, and nothing passes in either direction. */
  stall(): void;
  /** After `stall` first delivers what was held up, closes included, as a network does that sends again. */
  heal(): Promise<void>;
  /** Idempotent. */
  close(): Promise<void>;
}

/** Leads to `port` of this machine. */
export function startProxy(port: number): Promise<TcpProxy> {
  return onFreePort(async (own) => {
    const proxy = new LocalProxy(own, port);
    await proxy.heal();
    return proxy;
  });
}

class LocalProxy implements TcpProxy {
  readonly port: number;
  #target: number;
  #server: Server | null = null;
  stalled = false;
  readonly #links = new Set<Link>();

  constructor(port: number, target: number) {
    this.port = port;
    this.#target = target;
  }

  leadTo(port: number): void {
    this.#target = port;
  }

  async cut(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    const closed = server && once(server, 'close');
    server?.close();
    this.reset();
    await closed;
  }

  reset(): void {
    for (const link of this.#links) link.destroy();
    this.#links.clear();
  }

  forget(): void {
    for (const link of this.#links) link.forget();
  }

  stall(): void {
    this.stalled = true;
    for (const link of this.#links) link.pause();
  }

  async heal(): Promise<void> {
    this.stalled = false;
    for (const link of this.#links) link.resume();
    if (this.#server !== null) return;
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (near) => this.#accept(near));
    server.listen(this.port, '127.0.0.1');
    this.#server = server;
    await once(server, 'listening');
  }

  async close(): Promise<void> {
    await this.cut();
  }

  #accept(near: Socket): void {
    const link = new Link(near, this.#target, () => this.#links.delete(link));
    this.#links.add(link);
    if (!this.stalled) link.resume();
  }
}

/** One connection: `near` is whoever made it, `far` where it leads. Made paused. */
class Link {
  readonly #near: Socket;
  readonly #port: number;
  readonly #ended: () => void;
  #forgotten = false;
  /** Null until it is let through for the first time. */
  #far: Socket | null = null;

  constructor(near: Socket, port: number, ended: () => void) {
    this.#near = near;
    this.#port = port;
    this.#ended = ended;
    near.on('error', () => this.destroy());
    near.on('close', () => this.#far?.destroy());
  }

  resume(): void {
    if (this.#forgotten) return;
    if (this.#far === null) {
      const far = connect({ port: this.#port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
      this.#far = far;
      this.#near.setNoDelay(true);
      far.on('error', () => this.destroy());
      far.on('close', () => this.destroy());
      relay(this.#near, far);
      relay(far, this.#near);
    }
    this.#near.resume();
    this.#far.resume();
  }

  /** Nothing passes any more; only a close of the near side, of which the far one is not told. */
  forget(): void {
    this.#forgotten = true;
    this.pause();
  }

  pause(): void {
    this.#near.pause();
    this.#far?.pause();
  }

  destroy(): void {
    this.#near.destroy();
    this.#far?.destroy();
    this.#ended();
  }
}

/** Without back pressure: what tests send is small. */
function relay(from: Socket, to: Socket): void {
  from.on('data', (chunk) => void to.write(chunk));
  from.on('end', () => void to.end());
}
