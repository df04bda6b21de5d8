import { facebook, latency, spread, storm } from './changes.ts';
import { idle, login, memory } from './connections.ts';
import { growth } from './growth.ts';
import { heartbeatHttp, heartbeatPersisted, heartbeatWs } from './heartbeats.ts';
import { redisUnits } from './redis.ts';
import { unshared } from './unshared.ts';
import type { Workload } from './workload.ts';

/** In the order in which they are run and shown. */
export const WORKLOADS: readonly Workload[] = [
  spread,
  storm,
  memory,
  heartbeatWs,
  heartbeatHttp,
  heartbeatPersisted,
  idle,
  login,
  latency,
  facebook,
  growth,
  unshared,
  redisUnits,
];
