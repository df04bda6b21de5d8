import { execFileSync } from 'node:child_process';
import { accessSync, constants, mkdirSync, rmdirSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const INSTALL_MS = 5 * 60_000;

/** One way to install it, tried where its command exists. */
export interface Installer {
  readonly command: string;
  readonly needsRoot: boolean;
  /** The arguments of one call after the other. */
  readonly steps: readonly (readonly string[])[];
}

/** A program that tests need and that is no package of npm's. */
export interface Program {
  /** The environment variable that may hold its path, and wins. */
  readonly variable: string;
  /** Its commands, the preferred one first. */
  readonly names: readonly string[];
  /** Tried in this order. */
  readonly installers: readonly Installer[];
  /** What to do where all fails, in one line. */
  readonly missing: string;
}

/**
 * The path of a program: that of its variable, or the first of its names on the PATH, or what the system's package manager
 * installs now. Throws one line that says what to do.
 */
export async function findProgram(program: Program): Promise<string> {
  const named = process.env[program.variable];
  if (named !== undefined && named !== '') {
    if (isExecutable(named)) return named;
    throw new Error(`${program.variable} names ${named}, which cannot be run.`);
  }
  return onPath(program) ?? (await install(program));
}

function onPath({ names }: Program): string | null {
  for (const name of names) {
    const path = findCommand(name);
    if (path !== null) return path;
  }
  return null;
}

async function install(program: Program): Promise<string> {
  // One for all programs: package managers do one thing at a time.
  const lock = join(tmpdir(), 'rollcall-installs');
  const deadline = performance.now() + INSTALL_MS;
  while (!takeLock(lock)) {
    if (performance.now() > deadline) throw new Error(`Another process has not finished installing (${lock}).`);
    await delay(250);
  }
  try {
    const path = onPath(program) ?? tryInstallers(program);
    if (path !== null) return path;
  } finally {
    rmdirSync(lock);
  }
  throw new Error(program.missing);
}

function tryInstallers(program: Program): string | null {
  for (const { command, needsRoot, steps } of program.installers) {
    if (findCommand(command) === null) continue;
    const prefix = needsRoot ? rootPrefix() : [];
    if (prefix === null) continue;
    try {
      for (const step of steps) {
        const [first = command, ...args] = [...prefix, command, ...step];
        const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
        execFileSync(first, args, { stdio: 'ignore', timeout: INSTALL_MS, env });
      }
    } catch {
      // The next one may do; where none does, the message says what to install by hand.
      continue;
    }
    const path = onPath(program);
    if (path !== null) return path;
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
