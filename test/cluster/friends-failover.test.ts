import { expect, test } from 'vitest';
import { RedisFriendGraph } from '../../src/friends/redis/graph.ts';
import { HEAD } from '../../src/friends/redis/layout.ts';
import { openRedis } from '../../src/redis/connection.ts';
import { Partitions } from '../../src/redis/partitions.ts';
import { createRollcall } from '../../src/service/create.ts';
import { RedisPresenceStore } from '../../src/store/redis/redis-presence-store.ts';
import { SETTINGS } from '../service/world.ts';
import { quiet } from '../support/quiet.ts';
import { RosterReader } from '../support/reader.ts';
import { startRedisCluster } from '../support/redis-cluster.ts';

const partitions = new Partitions(64);

test('rule 8.12: lists are read again where only the master that holds them failed over, and lost some', async () => {
  const cluster = await startRedisCluster({ masters: 3, replicas: 1, args: ['--cluster-require-full-coverage', 'no'] });
  const connection = openRedis(cluster.target, { logger: quiet });
  const store = new RedisPresenceStore(connection, { logger: quiet });
  const graph = new RedisFriendGraph(connection, { auditMs: 200 });
  try {
    await store.start();
    const rollcall = await createRollcall({ store, friends: graph, settings: SETTINGS, log: quiet });
    const master = await cluster.ownerOf(HEAD);
    /** Nobody whose presence is at that master. */
    const others: string[] = [];
    for (let index = 0; others.length < 3; index += 1) {
      const id = `user-${index}`;
      if ((await cluster.ownerOf(partitions.key(partitions.of(id), 'head'))) !== master) others.push(id);
    }
    const [ada = '', bob = '', cy = ''] = others;
    await graph.befriend([[ada, bob]]);
    const replica = await cluster.replicaOf(master);
    await cluster.breakReplication(master);
    await graph.befriend([[ada, cy]]);
    const reader = new RosterReader(await rollcall.watchRoster(ada, { only: null, after: null, coalesceMs: 0 }));
    await reader.until('both friends', ({ roster }) => roster.size === 2);
    await master.kill();
    await cluster.promote(replica);
    await reader.until('the friend who was lost to be gone', ({ roster }) => !roster.has(cy));
    expect([...reader.roster.keys()]).toEqual([bob]);
    await reader.close();
    await rollcall.close();
  } finally {
    await graph.close();
    await store.close();
    await connection.close();
    await cluster.stop();
  }
}, 120_000);
