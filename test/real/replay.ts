import { setTimeout as delay } from 'node:timers/promises';
import { atOnce } from './at-once.ts';
import { type Checkpoint, Compared, checkAtEnd, checkInGap } from './checkpoint.ts';
import type { Friendships, Pair } from './data.ts';
import { Heartbeats } from './heartbeats.ts';
import { Offline, type Spans, STATUSES } from './offline.ts';
import { inTurn, type Server } from './product.ts';
import { count, Mismatch, type Report, seconds } from './report.ts';
import { RosterStream, StreamTotals } from './roster-stream.ts';
import type { Slice } from './slice.ts';
import { LULL_MS, ReplayClock, type Step, timelineOf } from './timeline.ts';

const CHECKPOINTS = 5;
const CONNECT_AT_ONCE = 50;

export interface Campus {
  /** Whoever ever wrote to each other. */
  readonly pairs: readonly Pair[];
  readonly friendships: Friendships;
  readonly slice: Slice;
  /** Seconds of the campus a second of replay. */
  readonly speed: number;
}

/**
 * Every message of the slice is a heartbeat of who wrote it, and every viewer holds a stream all the while. The servers
 * know the friendships and run with these spans. Throws Mismatch at the first check that does not hold.
 */
export async function replay(servers: readonly Server[], spans: Spans, campus: Campus, report: Report): Promise<void> {
  const startedAt = performance.now();
  const totals = new StreamTotals();
  const streams: RosterStream[] = [];
  try {
    await openStreams(servers, campus, totals, streams, report);
    const offline = new Offline(spans);
    const compared = new Compared();
    const checkpoint: Checkpoint = { streams, servers, offline, compared, report };
    const heartbeats = new Heartbeats(new Map(streams.map((stream) => [stream.viewer, stream])), servers, offline);
    const steps = timelineOf(campus.slice, campus.speed, CHECKPOINTS, spans);
    await play(steps, heartbeats, checkpoint, totals);
    await checkAtEnd(checkpoint);
    report.check(
      `nothing wrong in ${count(totals.frames)} frames with ${count(totals.changes)} changes`,
      totals.faults,
    );
    const neverShown = STATUSES.filter((status) => !totals.shown.has(status));
    report.check('streams showed ONLINE, AWAY and OFFLINE, and checkpoints had people who are not OFFLINE', [
      ...neverShown.map((status) => `nobody was ever ${status}`),
      ...(compared.friends.ONLINE + compared.friends.AWAY > 0 ? [] : ['everybody was OFFLINE at every checkpoint']),
    ]);
    report.table([
      ['messages sent', count(heartbeats.sent)],
      ['streams', count(streams.length)],
      ['frames', count(totals.frames)],
      ['changes', STATUSES.map((status) => `${count(totals.shown.get(status) ?? 0)} to ${status}`).join(', ')],
      ['checkpoints', count(compared.checkpoints)],
      ['friends compared', STATUSES.map((status) => `${count(compared.friends[status])} ${status}`).join(', ')],
      ['fresh queries compared', count(compared.queries)],
      ['right late in a gap', `${compared.late} times, at most ${compared.latestMs.toFixed(0)} ms after its middle`],
      ['duration', seconds(performance.now() - startedAt)],
    ]);
  } finally {
    await Promise.all(streams.map(({ connection }) => connection.close()));
  }
}

/** Fills `streams`, also where it fails half-way: the caller closes them. */
async function openStreams(
  servers: readonly Server[],
  { slice, friendships }: Campus,
  totals: StreamTotals,
  streams: RosterStream[],
  report: Report,
): Promise<void> {
  const startedAt = performance.now();
  await atOnce(slice.viewers, CONNECT_AT_ONCE, async (viewer, index) => {
    const { url } = inTurn(servers, index);
    streams.push(await RosterStream.open(url, viewer, friendships.get(viewer) ?? new Set(), totals));
  });
  report.check(`first frames of all ${count(streams.length)} viewers: reset, and the whole roster`, [
    ...streams.flatMap((stream) => stream.incomplete()),
    ...totals.faults,
  ]);
  report.say(seconds(performance.now() - startedAt));
}

async function play(
  steps: readonly Step[],
  heartbeats: Heartbeats,
  checkpoint: Checkpoint,
  totals: StreamTotals,
): Promise<void> {
  const { compared, report } = checkpoint;
  const messages = steps.filter(({ type }) => type === 'message').length;
  await report.follow('messages sent', messages, async (update) => {
    const clock = new ReplayClock();
    for (const step of steps) {
      await clock.until(step.at);
      switch (step.type) {
        case 'message':
          await heartbeats.send(step.message.from);
          update(heartbeats.sent);
          break;
        case 'lull':
          await clock.pause(() => delay(LULL_MS));
          break;
        case 'checkpoint':
          await clock.pause(async () => {
            await heartbeats.settled();
            // A stream that has broken explains more than the roster that it leaves behind.
            if (totals.faults.length > 0) throw new Mismatch('what streams show all the while', totals.faults);
            await checkInGap(`checkpoint ${compared.checkpoints + 1}`, checkpoint);
          });
          break;
        default:
          step satisfies never;
      }
    }
    await heartbeats.settled();
  });
}
