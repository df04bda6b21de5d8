import type { RedisOptions } from 'ioredis';

export interface RedisAddress {
  readonly host: string;
  readonly port: number;
}

interface Access {
  readonly tls: boolean;
  readonly username: string | null;
  readonly password: string | null;
}

export interface ServerTarget extends Access {
  readonly kind: 'server';
  readonly address: RedisAddress;
  readonly database: number;
}

export interface SentinelTarget extends Access {
  readonly kind: 'sentinel';
  readonly sentinels: readonly RedisAddress[];
  /** What the sentinels call the group of servers. */
  readonly name: string;
  readonly database: number;
}

export interface ClusterTarget extends Access {
  readonly kind: 'cluster';
  /** Some of the cluster's nodes, from which the others are found. */
  readonly addresses: readonly RedisAddress[];
}

/** What to connect to. */
export type RedisTarget = ServerTarget | SentinelTarget | ClusterTarget;

/** `redis://…` or `rediss://…` as a target. Throws for an address that can never work, and does not repeat it. */
export function parseServerUrl(url: string): ServerTarget {
  // The messages do not repeat the address: it may hold a password.
  if (!URL.canParse(url)) throw new Error('REDIS_URL is not an address like redis://host:6379.');
  const { protocol, hostname, port, pathname, username, password } = new URL(url);
  if (protocol !== 'redis:' && protocol !== 'rediss:') {
    throw new Error('REDIS_URL must begin with redis:// or rediss://.');
  }
  if (!/^\/?\d*$/.test(pathname)) {
    throw new Error('REDIS_URL must have nothing but the number of a database as its path.');
  }
  return {
    kind: 'server',
    address: { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? 6379 : Number(port) },
    database: Number(pathname.replace('/', '')),
    tls: protocol === 'rediss:',
    username: username === '' ? null : decodeURIComponent(username),
    password: password === '' ? null : decodeURIComponent(password),
  };
}

export function nameOf({ host, port }: RedisAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * How to prove to a server of the target who we are. Without a user name that of the default user is said: a server that
 * asks nobody for a password takes any one then, where it would refuse one that comes alone.
 */
export function credentials({ username, password }: Access): Pick<RedisOptions, 'username' | 'password'> {
  if (password === null) return {};
  return { username: username ?? 'default', password };
}

/** Certificates are checked as Node.js checks them: against its own authorities and those of NODE_EXTRA_CA_CERTS. */
export function encryption({ tls }: Access): Pick<RedisOptions, 'tls'> {
  return tls ? { tls: {} } : {};
}
