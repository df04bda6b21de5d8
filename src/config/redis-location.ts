import { ConfigError } from './config-error.ts';
import { Secret } from './secret.ts';

export interface RedisAddress {
  readonly host: string;
  readonly port: number;
}

interface RedisAccess {
  readonly tls: boolean;
  readonly username: string | null;
  readonly password: Secret | null;
}

export interface RedisServerLocation extends RedisAccess {
  readonly kind: 'server';
  readonly address: RedisAddress;
  readonly database: number;
}

export interface RedisClusterLocation extends RedisAccess {
  readonly kind: 'cluster';
  /** Some of the cluster's nodes, from which the others are found. */
  readonly addresses: readonly RedisAddress[];
}

export interface RedisSentinelLocation extends RedisAccess {
  readonly kind: 'sentinel';
  readonly sentinels: readonly RedisAddress[];
  /** What the sentinels call the group of servers. */
  readonly name: string;
  readonly database: number;
}

/** Where REDIS_URL points: one server, a cluster, or servers that sentinels watch over. */
export type RedisLocation = RedisServerLocation | RedisClusterLocation | RedisSentinelLocation;

const FORMS =
  'redis://host:port, rediss://host:port, several of these with commas between them, ' +
  'redis-cluster://host:port or redis-sentinel://host:port,…/name (rediss-sentinel:// with TLS)';

const SCHEMES = ['redis', 'rediss', 'redis-cluster', 'redis-sentinel', 'rediss-sentinel'] as const;
type Scheme = (typeof SCHEMES)[number];

interface Part {
  readonly scheme: Scheme | null;
  readonly username: string | null;
  readonly password: string | null;
  readonly address: RedisAddress;
  readonly path: string;
}

/**
 * Reads REDIS_URL. User names, passwords and group names are percent-encoded where they hold one of `:@/,`. Throws
 * ConfigError, which never repeats the value: it may hold a password.
 */
export function parseRedisUrl(value: string): RedisLocation {
  const parts = value.split(',').map((part, index) => parsePart(part.trim(), index));
  const [first] = parts;
  const scheme = first?.scheme;
  if (!first || !scheme) throw new ConfigError(`REDIS_URL must be one of ${FORMS}.`);
  if (parts.some((part) => part.scheme !== null && part.scheme !== scheme)) {
    throw new ConfigError('REDIS_URL mixes several schemes: all of its addresses must be reached in the same way.');
  }
  const access = { tls: scheme.startsWith('rediss'), ...commonCredentials(parts) };
  const addresses = parts.map((part) => part.address);
  const path = commonPath(parts);

  if (scheme === 'redis-sentinel' || scheme === 'rediss-sentinel') {
    const [name = '', database = '', ...rest] = path.split('/');
    if (name === '' || rest.length > 0) {
      throw new ConfigError('REDIS_URL must end in the name of the group: redis-sentinel://host:port,…/name.');
    }
    return { kind: 'sentinel', sentinels: addresses, name: decode(name), database: parseDatabase(database), ...access };
  }
  const database = parseDatabase(path);
  if (scheme === 'redis-cluster' || addresses.length > 1) {
    if (database !== 0)
      throw new ConfigError('REDIS_URL must not choose a database: a Redis Cluster only has number 0.');
    return { kind: 'cluster', addresses, ...access };
  }
  return { kind: 'server', address: first.address, database, ...access };
}

/** For people: where, and nothing secret. */
export function describeRedis(location: RedisLocation): string {
  switch (location.kind) {
    case 'server':
      return describeAddress(location.address);
    case 'cluster':
      return location.addresses.map(describeAddress).join(', ');
    case 'sentinel':
      return `${location.name} by sentinels at ${location.sentinels.map(describeAddress).join(', ')}`;
    default:
      return location satisfies never;
  }
}

function describeAddress({ host, port }: RedisAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

const PART =
  /^(?:(?<scheme>[a-z-]+):\/\/)?(?:(?<credentials>.*)@)?(?<host>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(?<port>\d{1,5}))?(?:\/(?<path>[^?#]*))?$/i;

function parsePart(text: string, index: number): Part {
  const groups = PART.exec(text)?.groups;
  const scheme = SCHEMES.find((known) => known === groups?.['scheme']?.toLowerCase()) ?? null;
  const host = groups?.['host'];
  if (!groups || !host || (scheme === null && (groups['scheme'] !== undefined || index === 0))) {
    throw new ConfigError(`REDIS_URL must be one of ${FORMS}.`);
  }
  const port = groups['port'] === undefined ? null : Number(groups['port']);
  if (port !== null && (port < 1 || port > 65_535)) {
    throw new ConfigError('REDIS_URL must name a port from 1 to 65535.');
  }
  const credentials = groups['credentials'];
  const colon = credentials?.indexOf(':') ?? -1;
  const username = colon < 0 ? credentials : credentials?.slice(0, colon);
  const password = colon < 0 ? undefined : credentials?.slice(colon + 1);
  return {
    scheme,
    username: username ? decode(username) : null,
    password: password ? decode(password) : null,
    address: { host: host.replace(/^\[|\]$/g, ''), port: port ?? (scheme?.endsWith('-sentinel') ? 26_379 : 6_379) },
    path: groups['path'] ?? '',
  };
}

function commonCredentials(parts: readonly Part[]): Pick<RedisAccess, 'username' | 'password'> {
  const given = parts.filter((part) => part.username !== null || part.password !== null);
  const username = given[0]?.username ?? null;
  const password = given[0]?.password ?? null;
  if (given.some((part) => part.username !== username || part.password !== password)) {
    throw new ConfigError('REDIS_URL gives different user names or passwords: all of its addresses share one.');
  }
  return { username, password: password === null ? null : new Secret(password) };
}

function commonPath(parts: readonly Part[]): string {
  const paths = new Set(parts.map((part) => part.path).filter((path) => path !== ''));
  if (paths.size > 1) throw new ConfigError('REDIS_URL must have one path at most, at its end.');
  const [path = ''] = paths;
  return path;
}

function parseDatabase(text: string): number {
  if (!/^\d{0,5}$/.test(text)) {
    throw new ConfigError('REDIS_URL must have nothing but the number of a database as its path.');
  }
  return Number(text);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new ConfigError('REDIS_URL holds a % that does not begin a percent-encoded character.');
  }
}
