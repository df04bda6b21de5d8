import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startRedis } from '../support/redis.ts';
import { atOnce } from './at-once.ts';
import type { Pair } from './data.ts';
import { post } from './graphql.ts';
import type { Spans } from './offline.ts';
import { importFriends, inTurn, type Server, whileServing } from './product.ts';
import { type Campus, replay } from './replay.ts';
import { count, type Report, seconds } from './report.ts';

/** The servers' settings, so much shorter than life as the replay is faster. */
const HEARTBEAT_INTERVAL_MS = 2_000;
const HEARTBEAT_TOLERANCE_MS = 200;
export const SPANS: Spans = { awayMs: 1_200, leaseMs: HEARTBEAT_INTERVAL_MS + 2 * HEARTBEAT_TOLERANCE_MS };
const SETTINGS = {
  HEARTBEAT_INTERVAL_MS: `${HEARTBEAT_INTERVAL_MS}`,
  HEARTBEAT_TOLERANCE_MS: `${HEARTBEAT_TOLERANCE_MS}`,
  AWAY_AFTER_MS: `${SPANS.awayMs}`,
};

const SYNC_AT_ONCE = 8;
const SYNC = 'mutation ($input: SyncFriendsInput!) { syncFriends(input: $input) { added removed } }';

/** On the embedded engine with one process, friends told by the application's backend. */
export async function replayOnEmbedded(campus: Campus, report: Report): Promise<void> {
  report.title('Activity replay: CollegeMsg on the embedded engine, one process');
  await whileServing([SETTINGS], async (servers) => {
    await syncFriends(inTurn(servers, 0), campus, report);
    await replay(servers, SPANS, campus, report);
  });
}

/** On Redis with two processes, friends imported by the command. */
export async function replayOnRedis(campus: Campus, report: Report): Promise<void> {
  report.title('Activity replay: CollegeMsg on Redis, two processes');
  const redis = await startRedis();
  try {
    await importPairs(campus.pairs, redis.url, report);
    const settings = { ...SETTINGS, REDIS_URL: redis.url };
    await whileServing([settings, settings], (servers) => replay(servers, SPANS, campus, report));
  } finally {
    await redis.stop();
  }
}

async function syncFriends(server: Server, { slice, friendships }: Campus, report: Report): Promise<void> {
  const startedAt = performance.now();
  await atOnce(slice.viewers, SYNC_AT_ONCE, (userId) =>
    post(server.url, 'admin:backend', SYNC, { input: { userId, friendIds: [...(friendships.get(userId) ?? [])] } }),
  );
  report.say(`${count(slice.viewers.length)} friend lists synced in ${seconds(performance.now() - startedAt)}`);
}

async function importPairs(pairs: readonly Pair[], redisUrl: string, report: Report): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'rollcall-campus-'));
  try {
    const file = join(directory, 'friends.txt');
    writeFileSync(file, `${pairs.map((pair) => pair.join(' ')).join('\n')}\n`);
    report.say(await importFriends(file, redisUrl));
  } finally {
    rmSync(directory, { recursive: true });
  }
}
