import { afterAll, beforeAll } from 'vitest';
import { openRedis, type RedisConnection } from '../../src/redis/connection.ts';
import { quiet } from './quiet.ts';
import { type RedisCluster, startRedisCluster } from './redis-cluster.ts';

/** One cluster for a test file, emptied between two tests: to start one takes seconds. */
export interface SharedCluster {
  connect(): RedisConnection;
  /** To be called when nobody is connected. */
  empty(): Promise<void>;
}

export function sharedCluster(): SharedCluster {
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await startRedisCluster();
  });
  afterAll(() => cluster?.stop());
  return {
    connect: () => openRedis(cluster.target, { logger: quiet }),
    empty: () => cluster.each((operator) => operator.flushall()),
  };
}
