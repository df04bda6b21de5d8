import { friendshipsOf, mustHaveData, pairsOf, readMessages } from './data.ts';
import { replayOnEmbedded, replayOnRedis, SPANS } from './engines.ts';
import { runFriendGraph } from './friend-graph.ts';
import { type Options, type Part, readOptions } from './options.ts';
import type { Campus } from './replay.ts';
import { count, Report } from './report.ts';
import { cutSlice, iso, speedFor } from './slice.ts';

/** Resolves with the exit code: 0 only when all held. Parts do not depend on each other: each runs, whatever the others did. */
async function main(args: readonly string[]): Promise<number> {
  const report = new Report();
  const options = readOptions(args);
  mustHaveData(options.directory);
  const campus = readCampus(options);
  const run: Record<Part, () => Promise<void>> = {
    graph: () => runFriendGraph(options.directory, report),
    embedded: () => replayOnEmbedded(campus, report),
    redis: () => replayOnRedis(campus, report),
  };
  describe(campus, report);
  for (const part of options.parts) {
    try {
      await run[part]();
    } catch (error) {
      report.fail(error);
    }
  }
  report.total();
  return report.failed === 0 ? 0 : 1;
}

function readCampus(options: Options): Campus {
  const messages = readMessages(options.directory);
  const pairs = pairsOf(messages);
  const friendships = friendshipsOf(pairs);
  const slice = cutSlice(messages, friendships, options.slice);
  return { pairs, friendships, slice, speed: options.speed ?? speedFor(slice) };
}

function describe({ slice, speed, pairs }: Campus, report: Report): void {
  report.title('Campus');
  const campusMinutes = (ms: number): string => ((ms * speed) / 60_000).toFixed(1);
  report.table([
    ['replayed', `${iso(slice.from)} to ${iso(slice.until)}, ${count(slice.messages.length)} messages`],
    [
      'viewers',
      `${count(slice.viewers.length)}; friends are the ${count(pairs.length)} pairs that ever wrote to each other`,
    ],
    ['speed', `${count(Math.round(speed))} seconds of the campus in one`],
    ['AWAY after', `${SPANS.awayMs} ms, ${campusMinutes(SPANS.awayMs)} min of the campus, without a message`],
    ['OFFLINE after', `${SPANS.leaseMs} ms, ${campusMinutes(SPANS.leaseMs)} min of the campus`],
  ]);
}

// The processes that this one has started end with it, but only where it exits by itself.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  // What is wrong with the call or the files, in one line.
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
