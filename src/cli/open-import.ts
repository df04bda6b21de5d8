import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { describeRedis } from '../config/redis-location.ts';
import { ConfigError, type EngineConfig } from '../config.ts';
import { UnusableRedis } from '../redis/requirements.ts';
import { openFriends } from '../server/engine.ts';
import { importFriends, NEEDS_SHARED_GRAPH } from './import-friends.ts';

/** How long to wait for the store before the import begins to say that it is out of reach. */
const CONNECT_MS = 2_000;

/** `rollcall import-friends FILE`: opens the friend lists that the settings name, imports, and closes them again. */
export async function openAndImport(file: string, strict: boolean, { redis }: EngineConfig): Promise<number> {
  if (redis === null) throw new ConfigError(NEEDS_SHARED_GRAPH);
  // The import itself says what a person needs to know of a store that is out of reach.
  const { friends, usable, close } = openFriends(redis, pino({ level: 'silent' }));
  const stop = new AbortController();
  // While it is still connecting nothing is wrong that anybody should read about.
  const failure = await Promise.race([
    usable.then(
      () => null,
      (error: unknown) => error,
    ),
    sleep(CONNECT_MS, null, { ref: false }),
  ]);
  if (failure instanceof UnusableRedis) {
    await close();
    process.stderr.write(`rollcall: ${failure.message}\n`);
    return 1;
  }
  const interrupt = (): void => stop.abort();
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const signal of signals) process.on(signal, interrupt);
  try {
    const target = redis.kind === 'cluster' ? describeRedis(redis) : `${describeRedis(redis)}/${redis.database}`;
    const { stdout, stderr } = process;
    return await importFriends({ file, graph: friends, target, strict, signal: stop.signal, stdout, stderr });
  } finally {
    for (const signal of signals) process.off(signal, interrupt);
    await close();
  }
}
