import type { Logger } from '../log.ts';
import { ClusterConnection } from './cluster-connection.ts';
import type { RedisConnection } from './redis-connection.ts';
import { SentinelConnection } from './sentinel-connection.ts';
import { ServerConnection } from './server-connection.ts';
import { credentials, encryption, nameOf, parseServerUrl, type RedisTarget } from './target.ts';

export type { RedisConnection } from './redis-connection.ts';

export interface RedisConnectionOptions {
  /** Where outages are told of; nowhere, if left out. */
  readonly logger?: Logger;
}

const SILENT: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/**
 * Opens in the background: it returns at once and never gives up. A text is the address of one server, `redis://…` or
 * `rediss://…`; throws for one that can never work.
 */
export function openRedis(target: string | RedisTarget, options: RedisConnectionOptions = {}): RedisConnection {
  const { logger = SILENT } = options;
  const to = typeof target === 'string' ? parseServerUrl(target) : target;
  switch (to.kind) {
    case 'server': {
      const { host, port } = to.address;
      const where = { host, port, db: to.database, ...credentials(to), ...encryption(to) };
      return new ServerConnection(nameOf(to.address), where, logger);
    }
    case 'sentinel':
      return new SentinelConnection(to, logger);
    case 'cluster':
      return new ClusterConnection(to, logger);
    default:
      return to satisfies never;
  }
}
