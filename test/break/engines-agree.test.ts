import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunningServer } from '../../src/server/server.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { startInProcess } from '../support/server.ts';

/** What one person asks for; `people` in it are numbers in the text, `<2>`, so that each run can have people of its own. */
interface Request {
  readonly by: number;
  readonly admin: boolean;
  readonly query: string;
}

/** Each run puts a prefix of its own before them, so that it begins with strangers. */
const NAMES = ['ada', 'Ada', '9', '10', 'x:y', 'a b'];

let redis: RedisServer;
let engines: readonly RunningServer[];
let runs = 0;

beforeAll(async () => {
  redis = await startRedis();
  engines = await Promise.all([startInProcess(), startInProcess({ REDIS_URL: redis.url })]);
  await Promise.all(engines.map((engine) => engine.whenReady));
});
afterAll(async () => {
  await Promise.all(engines.map((engine) => engine.close()));
  await redis.stop();
});

const USER = 'id isFriend presence { status since lastActiveAt clients customStatus { text emoji expiresAt } }';
const VIEWER = `id presence { status since lastActiveAt clients customStatus { text emoji } } invisible hiddenFrom
  sessions { id client activity expiresAt } overrides { source status priority expiresAt }
  explanation { status reason session { id } override { source } nextStatus nextTransitionAt }`;
const LISTS = `friends(first: 3) { nodes { ${USER} } totalCount onlineCount pageInfo { hasNextPage } }
  friendRequests { nodes { ${USER} } totalCount } blocked { nodes { ${USER} } totalCount }`;

const person = fc.nat(NAMES.length - 1);
const name = person.map((index) => `"<${index}>"`);
const names = fc.array(name, { maxLength: 4 }).map((some) => `[${some.join(', ')}]`);
const oneOf = (...texts: string[]) => fc.constantFrom(...texts);
const text = (template: string, ...parts: fc.Arbitrary<string>[]): fc.Arbitrary<string> =>
  fc.tuple(...parts).map((values) => values.reduce((filled, value) => filled.replace('?', () => value), template));

const query = fc.oneof(
  text(
    `mutation { heartbeat(input: { sessionId: "?" client: ? activity: ? bindToConnection: ? }) { nextHeartbeatMs viewer { ${VIEWER} } } }`,
    oneOf('s1', 's2', '__proto__', ''),
    oneOf('WEB', 'MOBILE', 'null'),
    oneOf('ACTIVE', 'IDLE', 'null'),
    oneOf('true', 'false', 'null'),
  ),
  text(`mutation { endSession(input: { sessionId: "?" }) { viewer { ${VIEWER} } } }`, oneOf('s1', 's2', '__proto__')),
  text(
    `mutation { setOverride(input: { status: ? source: ? priority: ? expiresAt: ? }) { viewer { ${VIEWER} } } }`,
    oneOf('ONLINE', 'AWAY', 'DO_NOT_DISTURB', 'OFFLINE'),
    oneOf('"calendar"', 'null', '""', '"__proto__"'),
    oneOf('0', '-1', '2147483647', 'null'),
    oneOf('null', '"2099-01-01T00:00:00+01:00"', '"2020-01-01T00:00:00Z"'),
  ),
  text(`mutation { clearOverride(input: { source: ? }) { viewer { ${VIEWER} } } }`, oneOf('"calendar"', 'null')),
  text(
    `mutation { setCustomStatus(input: { text: ? emoji: ? }) { viewer { ${VIEWER} } } }`,
    oneOf('"out"', 'null', '""', String.raw`"\"rev\":-1"`),
    oneOf('"🎉"', 'null'),
  ),
  text(
    `mutation { setVisibility(input: { invisible: ? hideFrom: ? showTo: ? }) { viewer { ${VIEWER} } } }`,
    oneOf('true', 'false', 'null'),
    fc.oneof(names, fc.constant('null')),
    fc.oneof(names, fc.constant('null')),
  ),
  text(
    `mutation { ?(input: { userId: ? }) { user { ${USER} } viewer { ${LISTS} } } }`,
    oneOf('addFriend', 'addFriend', 'removeFriend', 'blockUser', 'unblockUser'),
    name,
  ),
  text('mutation { syncFriends(input: { userId: ? friendIds: ? }) { added removed } }', name, names),
  text(`{ viewer { ${VIEWER} ${LISTS} } users(ids: ?) { ${USER} } user(id: ?) { ${USER} } }`, names, name),
);
const request: fc.Arbitrary<Request> = fc.record({ by: person, admin: fc.boolean(), query });

/** The answer with the names and times of this run taken out of it. */
async function answerOf(engine: RunningServer, prefix: string, { by, admin, query }: Request): Promise<string> {
  const response = await fetch(`${engine.url}/graphql`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${admin ? 'admin:' : ''}${prefix}${NAMES[by]}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ query: query.replaceAll(/<(\d+)>/g, (_, index) => `${prefix}${NAMES[Number(index)]}`) }),
  });
  const text = await response.text();
  return `${response.status} ${text.replaceAll(prefix, '').replaceAll(/"20[0-8]\d-[^"]*Z"/g, '"a time"')}`;
}

test('rules 1, 7 and 8: over HTTP both engines give the same answers to the same requests, and none that is masked', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(request, { minLength: 20, maxLength: 60 }), async (requests) => {
      const prefix = `run-${++runs}-`;
      for (const asked of requests) {
        const [embedded, onRedis] = await Promise.all(engines.map((engine) => answerOf(engine, prefix, asked)));
        expect(onRedis, asked.query).toBe(embedded);
        expect(embedded).not.toContain('INTERNAL_SERVER_ERROR');
      }
    }),
    { numRuns: 20 },
  );
}, 120_000);
