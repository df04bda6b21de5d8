import { sharedCluster } from '../support/shared-cluster.ts';
import { presenceStoreContract } from './presence-store.ts';
import { twoStores } from './two-nodes.ts';

const cluster = sharedCluster();

presenceStoreContract('cluster', () => twoStores(cluster.connect, cluster.empty));
