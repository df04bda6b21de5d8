import type { RedisOptions } from 'ioredis';
import type { Millis } from '../presence/time.ts';
import { AddressConnector } from './address-connector.ts';

/** After this long a command that has not been answered fails. With one more in line before it: twice as long. */
const COMMAND_TIMEOUT_MS: Millis = 5_000;
/** How often connections are tried and the clock is sampled. */
export const CHECK_MS: Millis = 5_000;
const FIRST_RETRY_MS: Millis = 50;
const LAST_RETRY_MS: Millis = 2_000;

/** Of every connection. None queues while it is offline, and each comes back by itself. */
export const COMMON: RedisOptions = {
  Connector: AddressConnector,
  commandTimeout: COMMAND_TIMEOUT_MS,
  connectTimeout: COMMAND_TIMEOUT_MS,
  disconnectTimeout: 500,
  maxLoadingRetryTime: 500,
  enableOfflineQueue: false,
  keepAlive: 10_000,
  retryStrategy: waitBefore,
  // A master that has become a replica: what the address leads to after a new connection may be the new master.
  reconnectOnError: (error) => error.message.startsWith('READONLY'),
};

/** Of those that carry commands: all that are sent in one turn of the event loop go out in one piece. */
export const COMMANDS: RedisOptions = { enableAutoPipelining: true, maxRetriesPerRequest: 1 };

/** Of those that carry subscriptions, which are renewed by whoever has them. */
export const SUBSCRIPTIONS: RedisOptions = {
  autoResubscribe: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
};

/**
 * Of those that are examined before anything is asked of them: they are ready as soon as they are made. The check of
 * ioredis needs INFO, writes to the console where that is forbidden, and knows less.
 */
export const EXAMINED: RedisOptions = { enableReadyCheck: false, disableClientInfo: true };

/** How long to wait before an attempt to connect, from the first one on. */
export function waitBefore(attempt: number): Millis {
  const longest = Math.min(FIRST_RETRY_MS * 2 ** Math.min(attempt - 1, 10), LAST_RETRY_MS);
  return Math.round(longest * (0.5 + Math.random() / 2));
}
