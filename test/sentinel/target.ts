import type { SentinelTarget } from '../../src/redis/target.ts';
import type { SentinelGroup } from '../support/sentinel.ts';

/** The group as what to connect to. */
export function targetOf(group: SentinelGroup, over: Partial<SentinelTarget> = {}): SentinelTarget {
  return {
    kind: 'sentinel',
    sentinels: group.sentinels.map(({ port }) => ({ host: '127.0.0.1', port })),
    name: group.name,
    database: 0,
    tls: false,
    username: null,
    password: null,
    ...over,
  };
}
