import { expect, test } from 'vitest';
import { RedisFriendGraph } from '../../src/friends/redis/graph.ts';
import { createRollcall, type RunningRollcall } from '../../src/service/create.ts';
import { eventually, neighbours } from '../contract/presence-store-setting.ts';
import { backend, beat, SETTINGS, user } from '../service/world.ts';
import { LossyLine } from '../support/lossy-line.ts';
import { quiet } from '../support/quiet.ts';
import { RosterReader } from '../support/reader.ts';
import { freshSetting } from './setting.ts';

const setting = freshSetting();
const SPANS = { ...SETTINGS, heartbeatIntervalMs: 60_000, nodeLeaseMs: 60_000 };
/** So that nothing is found by an audit. */
const NO_AUDIT = { auditMs: 3_600_000 };

test('rules 4.3, 6.1: a cursor claims no change that was lost unnoticed, whatever is told of other partitions', async () => {
  const server = await setting().server();
  let losing = false;
  const line = new LossyLine(server.port, () => (losing ? 'lose' : 'deliver'));
  setting().closing(async () => line.close());
  const here = await start(`redis://127.0.0.1:${await line.open()}`);
  const there = await start(server.url);
  const [[lost = ''], [heard = '']] = [neighbours(here.store, 1, 0), neighbours(here.store, 1, 1)];
  await there.rollcall.syncFriends(backend, 'ada', [lost, heard]);
  const reader = await watch(here.rollcall, null);

  losing = true;
  await there.rollcall.heartbeat(user(lost), beat('tab'));
  await eventually(
    async () => line.lost,
    (count) => count === 1,
  );
  losing = false;
  await there.rollcall.heartbeat(user(heard), beat('tab'));
  await reader.sees(heard, 'ONLINE');
  // Told after what was lost, of a partition in which nothing is missing.
  await there.rollcall.setCustomStatus(user(heard), { text: 'here', emoji: null, expiresAt: null });
  await reader.until('the text', ({ roster }) => roster.get(heard)?.customStatus?.text === 'here');
  expect(reader.status(lost)).toBe('OFFLINE');

  const resumed = await watch(there.rollcall, reader.cursor);
  expect(resumed.items[0]?.reset).toBe(false);
  expect(resumed.status(lost)).toBe('ONLINE');
});

test('rule 6.6: a cursor claims in time what was shown: only who changed lately is shown again', async () => {
  const server = await setting().server();
  const [here, there] = [await start(server.url), await start(server.url)];
  const [[early = ''], [late = '']] = [neighbours(here.store, 1, 0), neighbours(here.store, 1, 1)];
  await there.rollcall.syncFriends(backend, 'ada', [early, late]);
  const reader = await watch(here.rollcall, null);
  await there.rollcall.heartbeat(user(early), beat('tab'));
  await reader.sees(early, 'ONLINE');
  let round = 0;
  const shownAgain = async (): Promise<string[]> => {
    round += 1;
    const text = `text ${round}`;
    await there.rollcall.setCustomStatus(user(late), { text, emoji: null, expiresAt: null });
    await reader.until('the text', ({ roster }) => roster.get(late)?.customStatus?.text === text);
    const resumed = await watch(there.rollcall, reader.cursor);
    await resumed.close();
    expect(resumed.items[0]?.reset).toBe(false);
    return [...resumed.roster.keys()];
  };
  await eventually(shownAgain, (ids) => !ids.includes(early));
});

async function start(url: string) {
  const { connection, store } = await setting().node(url, NO_AUDIT);
  const friends = new RedisFriendGraph(connection);
  setting().closing(() => friends.close());
  const rollcall = await createRollcall({ store, friends, settings: SPANS, log: quiet });
  setting().closing(() => rollcall.close());
  return { rollcall, store };
}

async function watch(rollcall: RunningRollcall, after: string | null): Promise<RosterReader> {
  const reader = new RosterReader(await rollcall.watchRoster('ada', { only: null, after, coalesceMs: 0 }));
  setting().closing(() => reader.close());
  return reader.until('the first frame', ({ items }) => items.length > 0);
}
