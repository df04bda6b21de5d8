import { afterEach, expect, it } from 'vitest';
import { MemoryFriendGraph } from '../../src/friends/memory.ts';
import type { Logger } from '../../src/log.ts';
import { createRollcall, type RunningRollcall } from '../../src/service/create.ts';
import type { ServiceSettings } from '../../src/service/settings.ts';
import { MemoryPresenceStore } from '../../src/store/memory.ts';
import { eventually, Heard } from '../contract/presence-store-setting.ts';
import { quiet } from '../support/quiet.ts';
import { beat, SETTINGS, user } from './world.ts';

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

interface Opened {
  readonly store: MemoryPresenceStore;
  node(settings: Partial<ServiceSettings>, log: Logger): Promise<RunningRollcall>;
}

function open(): Opened {
  const store = new MemoryPresenceStore();
  const friends = new MemoryFriendGraph(store.clock);
  closing.push(() => store.close());
  return {
    store,
    node: async (settings, log) => {
      const node = await createRollcall({ store, friends, settings: { ...SETTINGS, ...settings }, log });
      closing.push(() => node.close());
      return node;
    },
  };
}

it('rule 2.12: nodes of which one renews more seldom than the lease of another lasts run side by side', async () => {
  const { store, node } = open();
  const warnings: string[] = [];
  const log: Logger = { ...quiet, warn: (_details, message) => void warnings.push(message) };
  const slow = await node({ nodeLeaseMs: 60_000, heartbeatToleranceMs: 2_000 }, log);
  // On a busy machine it may well lose its own.
  const quick = await node({ nodeLeaseMs: 300 }, quiet);
  slow.connectionOpened('c1');
  await slow.heartbeat(user('bob', 'c1'), beat('s1', { bindToConnection: true }));
  const heard = new Heard();
  await store.listen(0, heard);
  // Long enough for the quick one to have judged the other by its own lease, several times.
  for (let beats = 0; beats < 8; beats += 1) {
    await quick.heartbeat(user('cy'), beat('s1', { client: beats % 2 === 0 ? 'WEB' : 'MOBILE' }));
    await new Promise((resolve) => setTimeout(resolve, SETTINGS.nodeLeaseMs / 4));
  }
  expect(heard.users).not.toContain('bob');
  expect((await slow.record('bob')).sessions[0]?.binding?.connection).toBe('c1');
  expect(warnings).not.toContain('the node lease was lost; going on under a new one');
});

it('rule 2.12: a node that starts with other settings than others run with says so once, and only then', async () => {
  const { node } = open();
  const said: object[] = [];
  const log: Logger = {
    ...quiet,
    warn: (details, message) => void (message.startsWith('other nodes run') && said.push(details)),
  };
  await node({}, log);
  await node({}, log);
  await node({ awayAfterMs: 1_000 }, log);
  await eventually(
    async () => said.length,
    (count) => count > 0,
  );
  expect(said).toEqual([
    {
      here: expect.stringContaining('AWAY_AFTER_MS=1000 '),
      there: [expect.stringContaining(`AWAY_AFTER_MS=${SETTINGS.awayAfterMs} `)],
    },
  ]);
});
