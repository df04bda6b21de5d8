import { ReplyError } from 'ioredis';
import { describe, expect, test } from 'vitest';
import { describeOutage } from '../../src/redis/outage.ts';
import { readFacts, risksOf, whyUnusable } from '../../src/redis/requirements.ts';

/** What INFO says, as far as it matters. */
function info(...lines: string[]): string {
  return ['# Server', ...lines, '', '# Keyspace', 'db0:keys=1,expires=0,avg_ttl=0', ''].join('\r\n');
}

const REDIS_7 = ['redis_version:7.0.15', 'redis_mode:standalone', 'loading:0', 'role:master', 'cluster_enabled:0'];

describe('what a server says of itself', () => {
  test.each([
    ['Redis 7.0', info(...REDIS_7), null],
    ['Redis 8', info('redis_version:8.2.1'), null],
    ['Redis 10', info('redis_version:10.0.0'), null],
    ['Redis 6.2', info('redis_version:6.2.14'), 'is version 6.2.14: Rollcall needs Redis 7.0 or newer, or Valkey.'],
    ['KeyDB', info('redis_version:6.3.4'), 'is version 6.3.4: Rollcall needs Redis 7.0 or newer, or Valkey.'],
    ['Valkey 8', info('redis_version:7.2.4', 'server_name:valkey', 'valkey_version:8.0.1'), null],
    ['one that tells nothing', info(), null],
    [
      'a node of a cluster',
      info('redis_version:7.2.5', 'redis_mode:cluster', 'cluster_enabled:1'),
      'is a node of a Redis Cluster: set REDIS_URL to redis-cluster://a:1, or to several of its nodes with commas between them.',
    ],
  ])('%s', (_, text, why) => {
    expect(whyUnusable(readFacts(text), 'a:1')).toBe(why === null ? null : `Redis at a:1 ${why}`);
  });

  test('a replica names its master', () => {
    const replica = info(...REDIS_7, 'role:slave', 'master_host:fe80::1', 'master_port:6380');
    expect(readFacts(replica).masterAddress).toBe('fe80::1:6380');
    expect(readFacts(info(...REDIS_7)).masterAddress).toBeNull();
    expect(readFacts(info(...REDIS_7, 'loading:1')).loading).toBe(true);
  });

  test.each([
    ['allkeys-lfu', '1073741824', 1],
    ['allkeys-lfu', '0', 0],
    ['volatile-ttl', '1073741824', 0],
    ['noeviction', '1073741824', 0],
  ])('%s with maxmemory %s: risks %d', (policy, maxmemory, count) => {
    expect(risksOf(readFacts(info(`maxmemory:${maxmemory}`, `maxmemory_policy:${policy}`)))).toHaveLength(count);
  });
});

describe('why a connection does not work', () => {
  const DENIED =
    '-DENIED Redis is running in protected mode because protected mode is enabled and no password is set for the default user. In this mode connections are only accepted from the loopback interface. If you want to connect from external computers to Redis you may adopt one of the following solutions: 1) Just disable protected mode sending the command …';
  const failure = (message: string, code?: string): Error => Object.assign(new Error(message), code && { code });

  test.each([
    ['protected mode', new ReplyError(DENIED.slice(1)), /^Redis cannot be used \(its protected mode lets nobody in/],
    [
      'what is said before anything was asked',
      failure(`Command queue state error. If you can reproduce this, please report it. Last error: ${DENIED.slice(1)}`),
      /^Redis cannot be used \(its protected mode lets nobody in/,
    ],
    [
      'no room for more clients',
      new ReplyError('ERR max number of clients reached'),
      /^Redis cannot be used \(ERR max number of clients reached\); trying until it can$/,
    ],
    ['a reply of many lines', new ReplyError('MISCONF one\r\ntwo'), /\(MISCONF one\); trying/],
    ['nobody there', failure('connect ECONNREFUSED ::1:1', 'ECONNREFUSED'), /reached \(connect ECONNREFUSED ::1:1\)/],
    [
      'nobody at any address of a name',
      Object.assign(new AggregateError([failure('connect A'), failure('connect B')], 'all'), { message: '' }),
      /reached \(connect A, connect B\)/,
    ],
    ['a broken certificate', failure('unable to verify', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'), /NODE_EXTRA_CA_CERTS/],
    ['no text at all', failure('', 'EPIPE'), /reached \(EPIPE\)/],
    ['what is no error', 'gone', /reached \(gone\)/],
  ])('%s', (_, error, line) => {
    expect(describeOutage(error)).toMatch(line);
    expect(describeOutage(error)).not.toMatch(/[\r\n]/);
  });
});
