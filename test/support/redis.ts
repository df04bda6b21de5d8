import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { endWithUs } from './ending.ts';
import { onFreePort } from './port.ts';
import { redisServerBinary } from './redis-binary.ts';

const START_MS = 30_000;

export interface RedisServerOptions {
  /** A free one where it is left out. */
  readonly port?: number;
  /** More arguments for the server, such as `['--appendonly', 'yes']`. */
  readonly args?: readonly string[];
  /** What its configuration file holds at first, where it needs one: it keeps in there what it has learned. */
  readonly config?: string;
}

/** A real Redis server of the test's own. It keeps nothing on disk, unless `args` say so, and never after `stop`. */
export interface RedisServer {
  readonly port: number;
  readonly url: string;
  /** The server process' id; null while it does not run. */
  readonly pid: number | null;
  /** Sends a signal; resolves when the process is gone, or at once for a signal that does not end it. */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Ends the server if it still runs and starts it on the same port; resolves when it answers. */
  restart(): Promise<void>;
  /** Idempotent. Ends the server and removes its directory. */
  stop(): Promise<void>;
}

/** Resolves when the server answers. */
export async function startRedis(options: RedisServerOptions = {}): Promise<RedisServer> {
  const binary = await redisServerBinary();
  const start = async (port: number): Promise<RedisServer> => {
    const server = new LocalRedis(binary, port, options);
    try {
      await server.start();
      return server;
    } catch (error) {
      await server.stop();
      throw error;
    }
  };
  return options.port === undefined ? onFreePort(start) : start(options.port);
}

class LocalRedis implements RedisServer {
  readonly port: number;
  readonly #binary: string;
  readonly #args: readonly string[];
  readonly #directory: string;
  readonly #outlived: () => void;
  #child: ChildProcess | null = null;
  #output = '';

  constructor(binary: string, port: number, { args = [], config }: RedisServerOptions) {
    this.port = port;
    this.#binary = binary;
    this.#directory = mkdtempSync(join(tmpdir(), 'rollcall-redis-'));
    const base = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', this.#directory, '--save', ''];
    this.#args = [...base, '--daemonize', 'no', ...args];
    if (config !== undefined) {
      const file = join(this.#directory, 'server.conf');
      writeFileSync(file, config);
      this.#args = [file, ...this.#args];
    }
    this.#outlived = endWithUs(() => this.abandon());
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  async start(): Promise<void> {
    const child = spawn(this.#binary, this.#args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    this.#output = '';
    const collect = (chunk: Buffer): void => {
      this.#output = (this.#output + chunk.toString()).slice(-4_000);
    };
    child.stdout?.on('data', collect);
    child.stderr?.on('data', collect);
    const gone = (error?: Error | number | null): void => {
      if (error instanceof Error) this.#output += error.message;
      if (this.#child === child) this.#child = null;
    };
    child.on('error', gone);
    child.once('exit', gone);
    const deadline = performance.now() + START_MS;
    while (!(await answers(this.port))) {
      if (this.#child === null) throw new Error(`redis-server ended at once: ${this.#output}`);
      if (performance.now() > deadline) throw new Error(`redis-server does not answer: ${this.#output}`);
      await delay(10);
    }
    // Another server may have been what answered.
    if (this.#child === null) throw new Error(`redis-server ended at once: ${this.#output}`);
  }

  async kill(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === null) return;
    const ends = signal !== 'SIGSTOP' && signal !== 'SIGCONT';
    const gone = ends ? once(child, 'exit') : null;
    child.kill(signal);
    await gone;
  }

  async restart(): Promise<void> {
    await this.kill('SIGKILL');
    await this.start();
  }

  async stop(): Promise<void> {
    await this.kill('SIGKILL');
    this.abandon();
    this.#outlived();
  }

  abandon(): void {
    this.#child?.kill('SIGKILL');
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** Whether something on `port` speaks Redis and is done with loading. */
function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const settle = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(1_000, () => settle(false));
    socket.on('error', () => settle(false));
    socket.on('close', () => settle(false));
    socket.on('connect', () => socket.write('PING\r\n'));
    socket.on('data', (data) => settle(/^(\+PONG|-NOAUTH|-DENIED)/.test(data.toString())));
  });
}
