import { startCluster } from './cluster.ts';
import { startOneServer } from './one-server.ts';
import type { Engine } from './scene.ts';
import { startSentinels } from './sentinel.ts';

/** By the names that `--engine` takes. */
export const ENGINES: Readonly<Record<string, () => Promise<Engine>>> = {
  redis: startOneServer,
  sentinel: startSentinels,
  cluster: startCluster,
};
