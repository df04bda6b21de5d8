import { MemoryFriendGraph } from '../../src/friends/memory.ts';
import type { Clock } from '../../src/presence/time.ts';
import { friendGraphContract } from './friend-graph.ts';
import { friendGraphModel } from './friend-graph-model.ts';
import type { SharedGraph } from './friend-graph-setting.ts';

const clock: Clock = { now: () => Math.floor(performance.timeOrigin + performance.now()) };

async function start(): Promise<SharedGraph> {
  const graph = new MemoryFriendGraph(clock);
  return { here: graph, there: graph, close: () => graph.close() };
}

friendGraphContract('memory', start);
friendGraphModel('memory', start);
