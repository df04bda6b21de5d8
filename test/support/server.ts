import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { loadConfig } from '../../src/config.ts';
import { type RunningServer, startServer } from '../../src/server/server.ts';
import { endWithUs } from './ending.ts';
import { quiet } from './quiet.ts';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const START_MS = 40_000;
const STOP_MS = 20_000;

/** Settings by their environment names. */
export type Environment = Readonly<Record<string, string>>;

export interface ProcessOptions {
  /** Besides a free PORT. Nothing of this process' own environment is handed on but what a program needs to run. */
  readonly env?: Environment;
  /** `listening` for a server whose store is away; it is ready else. */
  readonly until?: 'ready' | 'listening';
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** The built product, as `npm start` runs it, in a process of its own. */
export interface ServerProcess {
  /** `http://host:port`, without a path. */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  readonly exited: Promise<Exit>;
  /** All that it has written so far, to stdout and stderr together. */
  output(): string;
  /** Resolves when the output so far matches; rejects with the output when it ends before or `ms` pass. */
  says(pattern: RegExp, ms?: number): Promise<RegExpExecArray>;
  /** Sends a signal, and waits for nothing. */
  kill(signal: NodeJS.Signals): void;
  /** Ends it with SIGTERM if it still runs, with SIGKILL if it must; resolves when it is gone. Idempotent. */
  stop(): Promise<Exit>;
}

/** Resolves when the server says that it is ready; rejects with its output when it does not come to that. */
export async function startProcess(options: ProcessOptions = {}): Promise<ServerProcess> {
  const { env = {}, until = 'ready' } = options;
  const running = runCommand(['serve'], { PORT: '0', ...env });
  try {
    const [, url = ''] = await running.says(new RegExp(`Rollcall is ${until} at (http://[^\\s"]+)/graphql`), START_MS);
    return { ...running, url, port: Number(new URL(url).port) };
  } catch (error) {
    await running.stop();
    throw error;
  }
}

/** Any command of the built product. */
export function runCommand(args: readonly string[], env: Environment = {}): Omit<ServerProcess, 'url' | 'port'> {
  const { PATH = '', HOME = '', TMPDIR = '/tmp' } = process.env;
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: { PATH, HOME, TMPDIR, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const outlived = endWithUs(() => child.kill('SIGKILL'));
  const exited = once(child, 'close').then(([code, signal]): Exit => {
    outlived();
    return { code, signal };
  });
  const output = new Output(child);
  let stopping: Promise<Exit> | null = null;
  return {
    pid: child.pid ?? 0,
    exited,
    output: () => output.text,
    says: (pattern, ms = START_MS) => output.says(pattern, ms),
    kill: (signal) => void child.kill(signal),
    stop: () => {
      stopping ??= stop(child, exited);
      return stopping;
    },
  };
}

/** The same server within this process, on a free port. It drains at once unless told otherwise. */
export function startInProcess(env: Environment = {}): Promise<RunningServer> {
  return startServer(loadConfig({ PORT: '0', DRAIN_MS: '0', ...env }), quiet);
}

async function stop(child: ChildProcess, exited: Promise<Exit>): Promise<Exit> {
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  const exit = await exited;
  clearTimeout(timer);
  return exit;
}

class Output {
  text = '';
  #ended = false;
  readonly #waiting = new Set<() => void>();

  constructor(child: ChildProcess) {
    const add = (chunk: Buffer): void => {
      this.text += chunk.toString();
      for (const look of this.#waiting) look();
    };
    child.stdout?.on('data', add);
    child.stderr?.on('data', add);
    child.once('close', () => {
      this.#ended = true;
      for (const look of this.#waiting) look();
    });
  }

  says(pattern: RegExp, ms: number): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const settle = (act: () => void): void => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        act();
      };
      const fail = (why: string): void => reject(new Error(`${why}, and it had not said ${pattern}:\n${this.text}`));
      const look = (): void => {
        const match = pattern.exec(this.text);
        if (match) settle(() => resolve(match));
        else if (this.#ended) settle(() => fail('The process ended'));
      };
      const timer = setTimeout(() => settle(() => fail(`${ms} ms passed`)), ms);
      this.#waiting.add(look);
      look();
    });
  }
}
