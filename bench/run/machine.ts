import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, release, totalmem } from 'node:os';
import process from 'node:process';

/** The measured server has one core to itself; the driver and Redis share another. */
export const SERVER_CORE = 0;
export const DRIVER_CORE = 1;

/**
 * Pins this process, and with it the Redis servers that it starts, to the driver's core. Resolves the command that
 * servers are to be started with: empty where nothing can be pinned, and then says so in one line.
 */
export function pinDriver(say: (line: string) => void): readonly string[] {
  if (availableParallelism() < 2) {
    say('Not pinned: there is one core only, so the server, the clients and Redis share it.');
    return [];
  }
  try {
    execFileSync('taskset', ['-acp', String(DRIVER_CORE), String(process.pid)], { stdio: 'pipe' });
  } catch (error) {
    say(`Not pinned: ${missing(error) ? 'there is no taskset' : 'taskset failed'}, so cores are not kept apart.`);
    return [];
  }
  return ['taskset', '-c', String(SERVER_CORE)];
}

/** Besides sockets: files, pipes, Redis. */
const OTHER_FILES = 1_000;

/**
 * Raises what this process and its children may have open so that one of them can hold so many sockets; null, or in a few
 * lines what is missing and what to do. The two ends of a socket are in two processes.
 */
export function raiseOpenFiles(sockets: number, nodes: number): string | null {
  const files = Math.ceil(sockets / nodes) + OTHER_FILES;
  const [soft, hard] = openFiles();
  if (soft >= files) return null;
  try {
    execFileSync('prlimit', ['--pid', String(process.pid), `--nofile=${files}:${Math.max(files, hard)}`], {
      stdio: 'pipe',
    });
    return null;
  } catch {
    const most = Math.max(0, hard - OTHER_FILES);
    return [
      `${sockets} sockets on ${nodes === 1 ? 'one process' : `${nodes} processes`} need ${files} open files in each, and the hard limit here is ${hard} (ulimit -Hn). Either`,
      `  raise it: as root, ulimit -n ${files}; for a container, --ulimit nofile=${files}:${files}`,
      `  or take fewer: --sockets ${most * nodes}`,
      `  or spread them: --nodes ${Math.ceil(sockets / Math.max(1, most))}`,
    ].join('\n');
  }
}

function openFiles(): [soft: number, hard: number] {
  const line = /^Max open files\s+(\d+)\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'));
  return [Number(line?.[1] ?? 0), Number(line?.[2] ?? 0)];
}

/** One line on what the figures were measured on. */
export function describeMachine(): string {
  const model = cpus()[0]?.model.trim() ?? 'unknown processor';
  const memory = Math.round(totalmem() / 2 ** 30);
  return `${cpus().length} × ${model}, ${memory} GB, Linux ${release()}, Node.js ${process.versions.node}`;
}

export function describeRedis(binary: string): string {
  const text = execFileSync(binary, ['--version'], { encoding: 'utf8' });
  return `Redis ${/v=(\S+)/.exec(text)?.[1] ?? 'of an unknown version'}`;
}

/** The commit that is measured, with a mark where the sources differ from it; null outside a checkout. */
export function describeCommit(): string | null {
  try {
    const git = (...args: string[]): string => execFileSync('git', args, { encoding: 'utf8', stdio: 'pipe' }).trim();
    const dirty = git('status', '--porcelain', '--', 'src', 'package-lock.json') !== '';
    return `${git('rev-parse', '--short', 'HEAD')}${dirty ? ' with changes' : ''}`;
  } catch {
    return null;
  }
}

export function versionOf(name: string): string {
  const path = new URL(`../../node_modules/${name}/package.json`, import.meta.url);
  return String((JSON.parse(readFileSync(path, 'utf8')) as { version: unknown }).version);
}

function missing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
