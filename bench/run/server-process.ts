import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { cpuOf } from '../measure/cpu.ts';

const PROBE = fileURLToPath(new URL('../probe.mjs', import.meta.url));
const START_MS = 30_000;
const STOP_MS = 5_000;
const ANSWER_MS = 60_000;
const MAX_OUTPUT = 8_000;

export interface Memory {
  /** After a forced collection, bytes. */
  readonly heapUsed: number;
  readonly external: number;
  readonly rss: number;
}

export interface Delay {
  readonly p99Ms: number;
  readonly maxMs: number;
}

export interface ServerCommand {
  /** What it is started under, such as taskset with its arguments. */
  readonly under: readonly string[];
  readonly script: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** What it says when it serves; the first group is its port. */
  readonly ready: RegExp;
}

/** A measured server: a process of its own, with the probe in it. */
export class ServerProcess {
  readonly pid: number;
  #port = 0;
  readonly #child: ChildProcess;
  #output = '';
  #stopping = false;
  readonly #ended: Promise<void>;
  readonly #endWithUs = (): void => void this.#child.kill('SIGKILL');
  /** Rejects with its output when it ends without having been told to; it never resolves. */
  readonly failure: Promise<never>;

  private constructor({ under, script, args, env }: ServerCommand) {
    const [program = '', ...rest] = [...under, process.execPath, '--expose-gc', '--import', PROBE, script, ...args];
    const { PATH = '', HOME = '', TMPDIR = '/tmp' } = process.env;
    this.#child = spawn(program, rest, {
      env: { PATH, HOME, TMPDIR, NODE_ENV: 'production', ...env },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.pid = this.#child.pid ?? 0;
    const collect = (chunk: Buffer): void => {
      this.#output = (this.#output + chunk.toString()).slice(-MAX_OUTPUT);
    };
    this.#child.stdout?.on('data', collect);
    this.#child.stderr?.on('data', collect);
    process.once('exit', this.#endWithUs);
    this.#ended = once(this.#child, 'close').then(() => void process.off('exit', this.#endWithUs));
    this.failure = new Promise((_resolve, reject) => {
      this.#child.once('error', reject);
      this.#child.once('close', (code, signal) => {
        if (!this.#stopping) reject(new Error(`the server ended with ${code ?? signal}:\n${this.#output}`));
      });
    });
    // Whoever waits for something races with it; nobody need.
    this.failure.catch(() => {});
  }

  /** Resolves when it says that it serves; rejects with its output when it does not. */
  static async start(command: ServerCommand): Promise<ServerProcess> {
    const server = new ServerProcess(command);
    const overdue = AbortSignal.timeout(START_MS);
    try {
      for (;;) {
        const port = command.ready.exec(server.#output)?.[1];
        if (port !== undefined) {
          server.#port = Number(port);
          return server;
        }
        const { stdout, stderr } = server.#child;
        if (!stdout || !stderr) throw new Error('The server was started without its output.');
        const spoken = [stdout, stderr].map((stream) => once(stream, 'data', { signal: overdue }));
        await Promise.race([...spoken, server.failure]);
      }
    } catch (error) {
      await server.stop();
      if (overdue.aborted) throw new Error(`the server did not say ${command.ready}:\n${server.#output}`);
      throw error;
    }
  }

  get port(): number {
    return this.#port;
  }

  get output(): string {
    return this.#output;
  }

  /** Nanoseconds of CPU so far. */
  cpu(): number {
    return cpuOf(this.pid);
  }

  memory(): Promise<Memory> {
    return this.#ask<Memory>('memory');
  }

  async watchDelay(): Promise<void> {
    await this.#ask('watch-delay');
  }

  /** Of its event loop, since `watchDelay`. */
  delay(): Promise<Delay> {
    return this.#ask<Delay>('delay');
  }

  /** Idempotent. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#child.kill('SIGTERM');
    const timer = setTimeout(this.#endWithUs, STOP_MS);
    await this.#ended;
    clearTimeout(timer);
  }

  async #ask<T>(probe: string): Promise<T> {
    const overdue = AbortSignal.timeout(ANSWER_MS);
    this.#child.send({ probe });
    for (;;) {
      const [answer] = await Promise.race([once(this.#child, 'message', { signal: overdue }), this.failure]);
      // Only the probe writes to this channel, in the form that its file shows.
      if (isRecord(answer) && answer['probe'] === probe) return answer as T;
    }
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
