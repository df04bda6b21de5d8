import { MemoryFriendGraph } from '../../src/friends/memory.ts';
import type { Millis } from '../../src/presence/time.ts';
import { createRollcall } from '../../src/service/create.ts';
import type { ServiceSettings } from '../../src/service/settings.ts';
import { MemoryPresenceStore } from '../../src/store/memory.ts';
import { Link } from './model-link.ts';
import { DistantGraph, DistantStore } from './model-node.ts';
import type { Slot, Story } from './model-secrets.ts';
import { VirtualTime } from './model-time.ts';
import { Witness, type WitnessNode } from './model-witness.ts';
import { quiet } from './quiet.ts';

const START: Millis = 1_700_000_000_000;
/** After what all can know: in a millisecond of its own, in which nothing else ever ends, as all spans are tens. */
const SECRETS_AFTER_MS: Millis = 5;
const SETTINGS: ServiceSettings = {
  heartbeatIntervalMs: 600,
  heartbeatToleranceMs: 100,
  disconnectGraceMs: 400,
  awayAfterMs: 1_500,
  nodeLeaseMs: 600,
};

/** Data of one name, so that cursors can be compared. */
class NamedStore extends MemoryPresenceStore {
  override lineage(): string {
    return 'these data';
  }
}

/**
 * What the viewer is sent at each step of one of the two worlds, byte for byte, but for the microseconds in cursors: the
 * embedded engine numbers the commits of one millisecond, and those of all users count.
 */
export async function bytesOnMemory(story: Story, which: 0 | 1): Promise<string[][]> {
  const time = new VirtualTime(START);
  return time.rule(async () => {
    const clock = { now: () => time.now() };
    const data = new NamedStore({ clock });
    const friends = new MemoryFriendGraph(clock);
    const nodes = await Promise.all([0, 1].map(() => openNode(data, friends)));
    const witness = new Witness(() => time.now(), nodes, which === 0 ? 'removeFriend' : 'blockUser');
    const steps: string[][] = [];
    const look = async (ms: Millis): Promise<void> => {
      await time.pass(ms);
      steps.push(witness.take().map(withoutMicros));
    };
    const play = async ({ open, secrets, waitMs }: Slot): Promise<void> => {
      void witness.happen(open);
      await look(SECRETS_AFTER_MS);
      for (const secret of secrets[which]) void witness.tell(secret);
      await look(SECRETS_AFTER_MS);
      await look(waitMs - 2 * SECRETS_AFTER_MS);
    };
    try {
      await witness.befriend();
      await time.pass(10);
      for (const slot of story.before) await play(slot);
      for (const node of nodes) node.heal();
      await time.pass(4_000);
      await witness.hide(story.hiding);
      await look(10);
      for (const slot of story.after) await play(slot);
      await look(4_000);
      for (const node of nodes) node.heal();
      await look(12_000);
      await witness.tidy();
      await look(4_000);
      await witness.reveal();
      await look(10);
      await witness.tell({ by: 'hidden', via: 0, what: { ask: 'beat', device: 0, activity: 'ACTIVE', bind: false } });
      await look(1_000);
      return steps;
    } finally {
      const closing = Promise.all([witness.close(), ...nodes.map(({ rollcall }) => rollcall.close())]);
      await time.pass(5_000);
      await closing;
      await friends.close();
      await data.close();
    }
  });
}

async function openNode(data: MemoryPresenceStore, graph: MemoryFriendGraph): Promise<WitnessNode> {
  const link = new Link();
  const store = new DistantStore(data, link, 0);
  const friends = new DistantGraph(graph, link);
  const rollcall = await createRollcall({ store, friends, settings: SETTINGS, log: quiet });
  return {
    rollcall,
    get up() {
      return link.up;
    },
    cut: () => link.cut(),
    heal: () => link.heal(),
  };
}

function withoutMicros(bytes: string): string {
  return bytes.replaceAll(/"cursor":"1\.([\w-]{12})\.(\w+)\.(\w+)"/g, (_, scope, presence, friends) => {
    const ms = (revision: string): string => `${Math.floor(Number.parseInt(revision, 36) / 1_000)}`;
    return `"cursor":"1.${scope}.${ms(presence)}.${ms(friends)}"`;
  });
}
