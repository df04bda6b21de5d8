import { sharedCluster } from '../support/shared-cluster.ts';
import { rosterContract } from './roster-contract.ts';
import { sessionContract } from './session-contract.ts';
import type { EngineSource } from './world.ts';

const shared = sharedCluster();

/** Nodes with connections of their own to one Redis Cluster. */
async function source(): Promise<EngineSource> {
  return { open: () => shared.engines(), close: () => shared.empty() };
}

rosterContract('Redis Cluster', source);
sessionContract('Redis Cluster', source);
