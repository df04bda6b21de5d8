import { findProgram } from './program.ts';

/** The Redis server to test against. Throws one line that says what to install. */
export function redisServerBinary(): Promise<string> {
  return findProgram({
    variable: 'REDIS_SERVER_BIN',
    names: ['redis-server', 'valkey-server'],
    installers: [
      {
        command: 'apt-get',
        needsRoot: true,
        steps: [['update'], ['install', '-y', '--no-install-recommends', 'redis-server']],
      },
      { command: 'dnf', needsRoot: true, steps: [['install', '-y', 'redis']] },
      { command: 'dnf', needsRoot: true, steps: [['install', '-y', 'valkey']] },
      { command: 'apk', needsRoot: true, steps: [['add', '--no-cache', 'redis']] },
      { command: 'brew', needsRoot: false, steps: [['install', 'redis']] },
    ],
    missing: 'The tests need a Redis server: install redis-server (or valkey-server), or set REDIS_SERVER_BIN.',
  });
}
