import { startRedis } from '../support/redis.ts';
import { atOnce } from './at-once.ts';
import { type Friendships, friendsFile, friendshipsOf, readPairs } from './data.ts';
import { importFriends, inTurn, type Server, whileServing } from './product.ts';
import { count, type Report, seconds } from './report.ts';
import { RosterStream, StreamTotals } from './roster-stream.ts';

const CONNECT_AT_ONCE = 50;
/** How long one change may take until the last friend has seen it, before this counts as a failure. */
const SEEN_MS = 15_000;
const SESSION = 'phone';
const HEARTBEAT = `mutation { heartbeat(input: { sessionId: "${SESSION}", client: MOBILE }) { session { id } } }`;
const END_SESSION = `mutation { endSession(input: { sessionId: "${SESSION}" }) { viewer { id } } }`;

/** A realistic friend graph with a heavy tail: all friends of the person with the most see that person come and go. */
export async function runFriendGraph(directory: string, report: Report): Promise<void> {
  report.title('Friend graph: ego-Facebook on Redis, one process');
  const friendships = friendshipsOf(readPairs(directory));
  const redis = await startRedis();
  try {
    const startedAt = performance.now();
    const printed = await importFriends(friendsFile(directory), redis.url);
    report.say(`${printed} (${seconds(performance.now() - startedAt)} with the start of the command)`);
    await whileServing([{ REDIS_URL: redis.url }], async (servers) => {
      await followBusiest(inTurn(servers, 0), friendships, report);
    });
  } finally {
    await redis.stop();
  }
}

async function followBusiest(server: Server, friendships: Friendships, report: Report): Promise<void> {
  const [person, friends] = mostFriends(friendships);
  const totals = new StreamTotals();
  const streams: RosterStream[] = [];
  try {
    const open = async (viewer: string): Promise<RosterStream> => {
      const stream = await RosterStream.open(server.url, viewer, friendships.get(viewer) ?? new Set(), totals);
      streams.push(stream);
      return stream;
    };
    const openedAt = performance.now();
    const own = await open(person);
    const took = performance.now() - openedAt;
    const complete = `first frame of ${person}: reset, and exactly the ${count(friends.size)} friends in the file`;
    report.check(complete, [...own.incomplete(), ...totals.faults]);
    report.say(`it came ${took.toFixed(0)} ms after connecting`);

    const connectedAt = performance.now();
    const watching = await atOnce([...friends], CONNECT_AT_ONCE, open);
    const connecting = seconds(performance.now() - connectedAt);
    const entries = watching.reduce((sum, { roster }) => sum + roster.size, 0);
    report.check(
      `all ${count(watching.length)} friends subscribed and have their whole rosters`,
      watching.flatMap((stream) => stream.incomplete()),
    );
    report.say(`${connecting}, ${count(entries)} friends on these rosters`);

    for (const [status, mutation] of [
      ['ONLINE', HEARTBEAT],
      ['OFFLINE', END_SESSION],
    ] as const) {
      const sentAt = performance.now();
      const faults: string[] = [];
      const notSeen = (error: unknown): number => {
        faults.push(error instanceof Error ? error.message : String(error));
        return Number.NaN;
      };
      const seen = watching.map((stream) => stream.sees(person, status, SEEN_MS).catch(notSeen));
      await own.connection.ask(mutation);
      const answered = performance.now() - sentAt;
      const delays = (await Promise.all(seen)).map((at) => at - sentAt).sort((a, b) => a - b);
      report.check(`${person} is ${status} on all ${count(watching.length)} friends' streams`, faults);
      const [half = 0, last = 0] = [delays[delays.length >> 1], delays.at(-1)];
      report.say(
        `answered after ${answered.toFixed(1)} ms, half had it after ${half.toFixed(1)} ms, all after ${last.toFixed(1)} ms`,
      );
    }
    report.check(`nothing wrong in ${count(totals.frames)} frames`, totals.faults);
  } finally {
    await Promise.all(streams.map(({ connection }) => connection.close()));
  }
}

function mostFriends(friendships: Friendships): [string, ReadonlySet<string>] {
  let most: [string, ReadonlySet<string>] = ['', new Set()];
  for (const [person, friends] of friendships) if (friends.size > most[1].size) most = [person, friends];
  return most;
}
