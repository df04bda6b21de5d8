import { fileURLToPath } from 'node:url';
import { startProxy, type TcpProxy } from './proxy.ts';
import { type Environment, type ServerProcess, startProcess } from './server.ts';

/**
 * Short spans, so that tests see them pass; the proportions are near those of the defaults. What follows from them is
 * computed from here, never written down twice.
 */
export const SPANS = {
  heartbeatMs: 1_500,
  toleranceMs: 250,
  graceMs: 800,
  nodeLeaseMs: 900,
  drainMs: 600,
} as const;

/** d + 2ε. */
export const LEASE_MS = SPANS.heartbeatMs + 2 * SPANS.toleranceMs;
/** How long before its death a node may have renewed its lease for the last time. */
export const RENEWAL_MS = SPANS.nodeLeaseMs / 3;

const ENV: Environment = {
  HEARTBEAT_INTERVAL_MS: String(SPANS.heartbeatMs),
  HEARTBEAT_TOLERANCE_MS: String(SPANS.toleranceMs),
  DISCONNECT_GRACE_MS: String(SPANS.graceMs),
  NODE_LEASE_MS: String(SPANS.nodeLeaseMs),
  DRAIN_MS: String(SPANS.drainMs),
  LOG_LEVEL: 'debug',
};

const SHIFTED_CLOCK = new URL('./shifted-clock.mjs', import.meta.url);

export interface NodeOptions {
  /** All that a node needs to know of its engine. */
  readonly engineUrl: string;
  /** How wrong its wall clock is, ms. */
  readonly clockShiftMs?: number;
}

/**
 * A place in the fleet: one address at which, one after the other, node processes serve. Clients come through `front`,
 * and the node reaches its engine through `back` where it has one server at one address; else `back` is null.
 */
export class FleetNode {
  readonly front: TcpProxy;
  readonly back: TcpProxy | null;
  readonly #env: Environment;
  #process: ServerProcess;
  readonly #outputs: string[] = [];
  /** What became of a process that nobody had told to end; null as long as that has not happened. */
  fault: string | null = null;
  #ending = false;

  private constructor(front: TcpProxy, back: TcpProxy | null, env: Environment, process: ServerProcess) {
    this.front = front;
    this.back = back;
    this.#env = env;
    this.#process = process;
    this.#watch(process);
  }

  static async start(options: NodeOptions): Promise<FleetNode> {
    const { back, url } = await throughProxy(options.engineUrl);
    const env = { ...ENV, REDIS_URL: url, ...clockEnv(options.clockShiftMs ?? 0) };
    const process = await startProcess({ env });
    return new FleetNode(await startProxy(process.port), back, env, process);
  }

  /** Where clients find it, without a path. */
  get url(): string {
    return `http://127.0.0.1:${this.front.port}`;
  }

  /** Where it listens itself. */
  get port(): number {
    return this.#process.port;
  }

  /** SIGKILL. Resolves when it is gone. */
  async kill(): Promise<void> {
    this.#ending = true;
    this.#process.kill('SIGKILL');
    await this.#process.exited;
  }

  /** SIGSTOP: its connections stay, and nobody is there. */
  pause(): void {
    this.#process.kill('SIGSTOP');
  }

  wake(): void {
    this.#process.kill('SIGCONT');
  }

  /** A new process in the place of one that has ended. Resolves when it is ready. */
  async restart(): Promise<void> {
    this.#outputs.push(this.#process.output());
    this.#process = await startProcess({ env: this.#env });
    this.#ending = false;
    this.#watch(this.#process);
    this.front.leadTo(this.#process.port);
  }

  /** SIGTERM, to the end, and a new process. */
  async replace(): Promise<void> {
    this.#ending = true;
    const { code, signal } = await this.#process.stop();
    if (code !== 0) throw new Error(`A node stopped with ${code ?? signal}:\n${this.output()}`);
    await this.restart();
  }

  /** What its processes have written, the first one first. */
  output(): string {
    return [...this.#outputs, this.#process.output()].join('\n');
  }

  async close(): Promise<void> {
    // A stopped process dies of this as well.
    await this.kill();
    await this.front.close();
    await this.back?.close();
  }

  #watch(process: ServerProcess): void {
    void process.exited.then(({ code, signal }) => {
      if (this.#ending) return;
      this.fault ??= `a node ended by itself with ${code ?? signal}:\n${process.output().slice(-2_000)}`;
    });
  }
}

/** `count` nodes on one engine. */
export async function startFleet(count: number, options: NodeOptions): Promise<FleetNode[]> {
  return await Promise.all(Array.from({ length: count }, () => FleetNode.start(options)));
}

async function throughProxy(engineUrl: string): Promise<{ back: TcpProxy | null; url: string }> {
  const url = new URL(engineUrl.split(',')[0] ?? '');
  if (url.protocol !== 'redis:' || engineUrl.includes(',')) return { back: null, url: engineUrl };
  const back = await startProxy(Number(url.port));
  url.hostname = '127.0.0.1';
  url.port = String(back.port);
  return { back, url: url.href };
}

function clockEnv(shiftMs: number): Environment {
  if (shiftMs === 0) return {};
  return {
    NODE_OPTIONS: `--import ${fileURLToPath(SHIFTED_CLOCK)}`,
    TEST_CLOCK_SHIFT_MS: String(shiftMs),
  };
}
