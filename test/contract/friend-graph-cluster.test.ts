import { sharedCluster } from '../support/shared-cluster.ts';
import { friendGraphContract } from './friend-graph.ts';
import { friendGraphModel } from './friend-graph-model.ts';
import { twoGraphs } from './two-nodes.ts';

const cluster = sharedCluster();

friendGraphContract('cluster', () => twoGraphs(cluster.connect));
friendGraphModel('cluster', () => twoGraphs(cluster.connect));
