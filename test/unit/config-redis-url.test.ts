import { describe, expect, test } from 'vitest';
import { ConfigError } from '../../src/config/config-error.ts';
import { describeRedis, parseRedisUrl, type RedisLocation } from '../../src/config/redis-location.ts';

function plain(location: RedisLocation) {
  return { ...location, password: location.password?.reveal() ?? null };
}

const OPEN = { tls: false, username: null, password: null };
const at = (host: string, port: number) => ({ host, port });

describe('REDIS_URL is read', () => {
  const cases: [url: string, location: object, shown: string][] = [
    ['redis://a', { kind: 'server', address: at('a', 6379), database: 0, ...OPEN }, 'a:6379'],
    ['redis://10.0.0.1:7/', { kind: 'server', address: at('10.0.0.1', 7), database: 0, ...OPEN }, '10.0.0.1:7'],
    ['redis://[::1]:7/3', { kind: 'server', address: at('::1', 7), database: 3, ...OPEN }, '[::1]:7'],
    ['rediss://a', { kind: 'server', address: at('a', 6379), database: 0, ...OPEN, tls: true }, 'a:6379'],
    [
      'redis://me:p%40ss%2C@a',
      { kind: 'server', address: at('a', 6379), database: 0, tls: false, username: 'me', password: 'p@ss,' },
      'a:6379',
    ],
    [
      'redis://:pass@a',
      { kind: 'server', address: at('a', 6379), database: 0, tls: false, username: null, password: 'pass' },
      'a:6379',
    ],
    [
      'redis://me:pass@a:1,redis://b:2, c:3',
      {
        kind: 'cluster',
        addresses: [at('a', 1), at('b', 2), at('c', 3)],
        tls: false,
        username: 'me',
        password: 'pass',
      },
      'a:1, b:2, c:3',
    ],
    ['redis-cluster://a', { kind: 'cluster', addresses: [at('a', 6379)], ...OPEN }, 'a:6379'],
    [
      'redis-sentinel://a,b:1/main/2',
      { kind: 'sentinel', sentinels: [at('a', 26379), at('b', 1)], name: 'main', database: 2, ...OPEN },
      'main by sentinels at a:26379, b:1',
    ],
    [
      'rediss-sentinel://a/main',
      { kind: 'sentinel', sentinels: [at('a', 26379)], name: 'main', database: 0, ...OPEN, tls: true },
      'main by sentinels at a:26379',
    ],
  ];
  test.each(cases)('%s', (url, location, shown) => {
    const read = parseRedisUrl(url);
    expect(plain(read)).toEqual(location);
    expect(describeRedis(read)).toBe(shown);
  });
});

describe('REDIS_URL is refused', () => {
  const cases: [url: string, why: RegExp][] = [
    ['localhost:6379', /must be one of redis:\/\/host:port/],
    ['http://secret@a', /must be one of redis:\/\/host:port/],
    ['redis://', /must be one of redis:\/\/host:port/],
    ['redis://a?x=1', /must be one of redis:\/\/host:port/],
    ['redis://a b', /must be one of redis:\/\/host:port/],
    ['redis://a:0', /must name a port from 1 to 65535/],
    ['redis://a:65536', /must name a port from 1 to 65535/],
    ['redis://a/secret', /nothing but the number of a database/],
    ['redis://a,rediss://b', /mixes several schemes/],
    ['redis://:secret@a,redis://:other@b', /different user names or passwords/],
    ['redis://a,redis://b/1', /must not choose a database/],
    ['redis-sentinel://a,b', /must end in the name of the group/],
    ['redis://:secret%@a', /a % that does not begin/],
  ];
  test.each(cases)('%s', (url, why) => {
    let line = 'accepted';
    try {
      parseRedisUrl(url);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      line = error.message;
    }
    expect(line).toMatch(why);
    expect(line).toMatch(/^REDIS_URL [^\n]+$/);
    expect(line).not.toContain('secret');
  });
});
