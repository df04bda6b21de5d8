import { setTimeout as delay } from 'node:timers/promises';
import { atOnce } from './at-once.ts';
import { faultsOf, queryFriends } from './fresh-query.ts';
import type { Gap, Offline, Status } from './offline.ts';
import { inTurn, type Server } from './product.ts';
import { count, Mismatch, type Report } from './report.ts';
import type { RosterStream } from './roster-stream.ts';

/** A gap is at least this long. */
const GAP_MS = 250;
/** Nothing is compared so close to the end of a gap: the store's clock and ours may differ. */
const GUARD_MS = 30;
const GAPS_TRIED = 20;
const QUERIES_AT_ONCE = 8;
const RECHECK_MS = 10;
/** This process was kept from running for so long: frames may have come that it has not taken in. */
const STALLED_MS = 40;

/** What checkpoints of one run have compared. */
export class Compared {
  checkpoints = 0;
  queries = 0;
  /** On rosters that were accumulated from streams. */
  readonly friends: Record<Status, number> = { ONLINE: 0, AWAY: 0, OFFLINE: 0 };
  /** Rosters that were right only some time after the middle of their gap, and the longest such time. */
  late = 0;
  latestMs = 0;
}

export interface Checkpoint {
  readonly streams: readonly RosterStream[];
  readonly servers: readonly Server[];
  readonly offline: Offline;
  readonly compared: Compared;
  readonly report: Report;
}

/** Nobody writes meanwhile. Throws Mismatch. */
export async function checkInGap(name: string, checkpoint: Checkpoint): Promise<void> {
  const { compared, report } = checkpoint;
  for (let tried = 0; tried < GAPS_TRIED; tried++) {
    const gap = checkpoint.offline.gap(Date.now(), GAP_MS);
    const statuses = await compareRosters(name, checkpoint, gap);
    const queried = statuses === null ? 0 : await compareSample(name, checkpoint, gap);
    if (statuses === null || queried === 0) continue;
    compared.checkpoints++;
    compared.queries += queried;
    for (const [status, number] of entriesOf(statuses)) compared.friends[status] += number;
    const mix = entriesOf(statuses).map(([status, number]) => `${count(number)} ${status}`);
    report.check(
      `${name}: ${count(checkpoint.streams.length)} rosters (${mix.join(', ')}) and ${count(queried)} fresh queries as expected`,
      [],
    );
    return;
  }
  throw new Error(`${name}: this machine is too slow to compare anything within ${GAPS_TRIED} gaps of ${GAP_MS} ms.`);
}

/** When everybody is OFFLINE for good: every roster and a fresh query of every viewer. */
export async function checkAtEnd(checkpoint: Checkpoint): Promise<void> {
  const { streams, servers, offline, compared, report } = checkpoint;
  await delay(Math.max(offline.lastDeadline() - Date.now(), 0));
  await checkInGap('the end', checkpoint);
  const faults = await atOnce(streams, QUERIES_AT_ONCE, async (stream, index) =>
    faultsOf(await queryFriends(inTurn(servers, index + 1).url, stream.viewer), stream, offline, Date.now()),
  );
  compared.queries += streams.length;
  report.check(`the end: a fresh query of all ${count(streams.length)} viewers, times included`, faults.flat());
}

/**
 * In the middle of `gap`. What is wrong there is looked at again until the gap ends: then it stays wrong. Resolves with
 * how many friends were compared, by status; null when the gap was over before anything could be said.
 */
async function compareRosters(name: string, checkpoint: Checkpoint, gap: Gap): Promise<Record<Status, number> | null> {
  const { streams, offline, compared } = checkpoint;
  const middle = (gap.from + gap.until) / 2;
  const end = gap.until - GUARD_MS;
  let wakeAt = middle;
  for (;;) {
    await delay(Math.max(wakeAt - Date.now(), 0));
    const statuses = { ONLINE: 0, AWAY: 0, OFFLINE: 0 };
    const faults: string[] = [];
    const startedAt = Date.now();
    const stalled = startedAt - wakeAt > STALLED_MS;
    for (const stream of streams) {
      faults.push(...stream.incomplete());
      for (const [friend, shown] of stream.roster) {
        statuses[offline.status(friend, startedAt)]++;
        const fault = offline.fault(friend, shown, startedAt);
        if (fault !== null) faults.push(`viewer ${stream.viewer}, friend ${friend}: ${fault}`);
      }
    }
    const now = Date.now();
    if (faults.length === 0 && now <= end) {
      if (wakeAt > middle) {
        compared.late++;
        compared.latestMs = Math.max(compared.latestMs, now - middle);
      }
      return statuses;
    }
    if (now + RECHECK_MS > end) {
      if (faults.length === 0 || startedAt > end || stalled) return null;
      throw new Mismatch(`${name}: rosters accumulated from streams`, faults);
    }
    wakeAt = now + RECHECK_MS;
  }
}

/** As many fresh queries as fit into what is left of `gap`, through all processes; resolves with how many did. */
async function compareSample(name: string, checkpoint: Checkpoint, gap: Gap): Promise<number> {
  const { streams, servers, offline, compared } = checkpoint;
  const end = gap.until - GUARD_MS;
  let queried = 0;
  await atOnce(sampleOrder(checkpoint), QUERIES_AT_ONCE, async (stream, index) => {
    const askedAt = Date.now();
    if (askedAt >= end) return;
    const answer = await queryFriends(inTurn(servers, index + compared.checkpoints).url, stream.viewer);
    // What was answered after the gap may be of a later moment.
    if (Date.now() > end) return;
    const faults = faultsOf(answer, stream, offline, askedAt);
    if (faults.length > 0) throw new Mismatch(`${name}: a fresh query within the gap`, faults);
    queried++;
  });
  return Math.min(queried, streams.length);
}

/** Those with somebody to see first, beginning somewhere else at each checkpoint. */
function sampleOrder({ streams, compared }: Checkpoint): RosterStream[] {
  const start = Math.floor((streams.length * (compared.checkpoints % 7)) / 7);
  const rotated = [...streams.slice(start), ...streams.slice(0, start)];
  const busy = rotated.filter(({ roster }) => [...roster.values()].some(({ status }) => status !== 'OFFLINE'));
  return [...busy, ...rotated.filter((stream) => !busy.includes(stream))];
}

function entriesOf(statuses: Record<Status, number>): [Status, number][] {
  return [
    ['ONLINE', statuses.ONLINE],
    ['AWAY', statuses.AWAY],
    ['OFFLINE', statuses.OFFLINE],
  ];
}
