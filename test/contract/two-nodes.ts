import { RedisFriendGraph } from '../../src/friends/redis/graph.ts';
import type { RedisConnection } from '../../src/redis/connection.ts';
import { RedisPresenceStore } from '../../src/store/redis/redis-presence-store.ts';
import { quiet } from '../support/quiet.ts';
import type { SharedGraph } from './friend-graph-setting.ts';
import type { SharedStore } from './presence-store-setting.ts';

/** Two nodes with connections of their own, which `connect` opens; `end` is called when they are closed. */
export async function twoStores(connect: () => RedisConnection, end = async () => {}): Promise<SharedStore> {
  const connections = [connect(), connect()] as const;
  const here = new RedisPresenceStore(connections[0], { logger: quiet });
  const there = new RedisPresenceStore(connections[1], { logger: quiet });
  await Promise.all([here.start(), there.start()]);
  return { here, there, close: () => close([here, there], connections, end) };
}

/** The same. The graph is not emptied: no test meets the people of another one. */
export async function twoGraphs(connect: () => RedisConnection, end = async () => {}): Promise<SharedGraph> {
  const connections = [connect(), connect()] as const;
  await Promise.all(connections.map((connection) => connection.whenReady()));
  const [here, there] = [new RedisFriendGraph(connections[0]), new RedisFriendGraph(connections[1])];
  return { here, there, close: () => close([here, there], connections, end) };
}

interface Closable {
  close(): Promise<void>;
}

async function close(nodes: readonly Closable[], connections: readonly Closable[], end: () => Promise<void>) {
  await Promise.all(nodes.map((node) => node.close()));
  await Promise.all(connections.map((connection) => connection.close()));
  await end();
}
