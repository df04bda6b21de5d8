import { execFileSync } from 'node:child_process';
import { accessSync, constants, mkdirSync, rmdirSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const NAMES = ['redis-server', 'valkey-server'];
const INSTALL_MS = 5 * 60_000;

/** Each is tried in this order where its command exists. */
const INSTALLERS: { command: string; needsRoot: boolean; steps: string[][] }[] = [
  {
    command: 'apt-get',
    needsRoot: true,
    steps: [['update'], ['install', '-y', '--no-install-recommends', 'redis-server']],
  },
  { command: 'dnf', needsRoot: true, steps: [['install', '-y', 'redis']] },
  { command: 'dnf', needsRoot: true, steps: [['install', '-y', 'valkey']] },
  { command: 'apk', needsRoot: true, steps: [['add', '--no-cache', 'redis']] },
  { command: 'brew', needsRoot: false, steps: [['install', 'redis']] },
];

/**
 * The Redis server to test against: REDIS_SERVER_BIN, or `redis-server` or `valkey-server` on the PATH, or one that the
 * system's package manager installs now. Throws one line that says what to install.
 */
export async function redisServerBinary(): Promise<string> {
  const named = process.env['REDIS_SERVER_BIN'];
  if (named !== undefined && named !== '') {
    if (isExecutable(named)) return named;
    throw new Error(`REDIS_SERVER_BIN names ${named}, which cannot be run.`);
  }
  return findServer() ?? (await installServer());
}

function findServer(): string | null {
  for (const name of NAMES) {
    const path = findCommand(name);
    if (path !== null) return path;
  }
  return null;
}

async function installServer(): Promise<string> {
  const lock = join(tmpdir(), 'rollcall-installs-redis');
  const deadline = performance.now() + INSTALL_MS;
  while (!takeLock(lock)) {
    if (performance.now() > deadline) throw new Error(`Another process has not finished installing Redis (${lock}).`);
    await delay(250);
  }
  try {
    const server = findServer() ?? tryInstallers();
    if (server !== null) return server;
  } finally {
    rmdirSync(lock);
  }
  throw new Error('The tests need a Redis server: install redis-server (or valkey-server), or set REDIS_SERVER_BIN.');
}

function tryInstallers(): string | null {
  for (const { command, needsRoot, steps } of INSTALLERS) {
    if (findCommand(command) === null) continue;
    const prefix = needsRoot ? rootPrefix() : [];
    if (prefix === null) continue;
    try {
      for (const step of steps) {
        const [program = command, ...args] = [...prefix, command, ...step];
        const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
        execFileSync(program, args, { stdio: 'ignore', timeout: INSTALL_MS, env });
      }
    } catch {
      // The next one may do; where none does, the message says what to install by hand.
      continue;
    }
    const server = findServer();
    if (server !== null) return server;
  }
  return null;
}

/** What to put before a command that only root may run; null when we may not. */
function rootPrefix(): string[] | null {
  if (process.getuid?.() === 0) return [];
  if (findCommand('sudo') === null) return null;
  try {
    execFileSync('sudo', ['-n', 'true'], { stdio: 'ignore' });
    return ['sudo', '-n'];
  } catch {
    return null;
  }
}

/** Test files run in processes of their own; only one of them may install. */
function takeLock(lock: string): boolean {
  try {
    mkdirSync(lock);
    return true;
  } catch {
    return breakOldLock(lock);
  }
}

function breakOldLock(lock: string): boolean {
  try {
    if (Date.now() - statSync(lock).mtimeMs > INSTALL_MS) rmdirSync(lock);
  } catch {
    // Its holder has just removed it.
  }
  return false;
}

function findCommand(name: string): string | null {
  for (const directory of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(directory, name);
    if (directory !== '' && isExecutable(path)) return path;
  }
  return null;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
