import { ConfigError } from './config/config-error.ts';
import type { AllowedOrigins } from './config/origins.ts';
import type { RedisLocation } from './config/redis-location.ts';
import { Secret } from './config/secret.ts';
import { type Environment, type Flags, type LogLevel, readSettings, type Settings } from './config/settings.ts';
import { isSafeSource } from './config/sign-in-keys.ts';
import type { Millis } from './presence/time.ts';
import type { ServiceSettings } from './service/settings.ts';

export { ConfigError } from './config/config-error.ts';

/** Everything that is set from outside, checked, alone and together. */
export interface Config extends EngineConfig {
  readonly production: boolean;
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly auth: AuthConfig;
  readonly allowedOrigins: AllowedOrigins;
  /** Clients can ask for the schema. */
  readonly introspection: boolean;
  /** It needs the schema, and runs what is typed there. */
  readonly graphiql: boolean;
  readonly persistedDocuments: PersistedDocumentsConfig;
  readonly limits: LimitsConfig;
  readonly service: ServiceSettings;
  /** Over which a stopping node spreads its goodbyes. */
  readonly drainMs: Millis;
}

export interface PersistedDocumentsConfig {
  /** Null: there are none from the start. */
  readonly file: string | null;
  /** Nothing but what is in the file is run. */
  readonly only: boolean;
}

/** What one client may ask of one node. */
export interface LimitsConfig {
  readonly connectionsPerUser: number;
  /** Null: not limited. */
  readonly connectionsPerAddress: number | null;
  readonly operationsPerSocket: number;
  readonly operationsPerSecond: number;
  readonly messageBytes: number;
  readonly query: { readonly depth: number; readonly fields: number; readonly cost: number };
}

/** What is needed to open the engine alone, as commands do that do not serve. */
export interface EngineConfig {
  /** Null: the embedded engine. */
  readonly redis: RedisLocation | null;
  readonly logLevel: LogLevel;
}

export type AuthConfig =
  | { readonly mode: 'dev' }
  | {
      readonly mode: 'jwt';
      readonly key:
        | { readonly kind: 'secret'; readonly secret: Secret }
        | { readonly kind: 'jwks'; readonly url: string };
      readonly issuer: string | null;
      readonly audience: string | null;
    };

/** Throws ConfigError with one line on the first setting that is wrong or contradicts another one. */
export function loadConfig(env: Environment, flags: Flags = {}): Config {
  const settings = readSettings(env, flags);
  // Whoever writes it in another way means it, too, and development would let anyone in as anyone.
  const production = /^\s*prod(?:uction)?\s*$/i.test(env['NODE_ENV'] ?? '');
  if (settings.HEARTBEAT_TOLERANCE_MS >= settings.HEARTBEAT_INTERVAL_MS) {
    throw new ConfigError(
      `HEARTBEAT_TOLERANCE_MS (${settings.HEARTBEAT_TOLERANCE_MS}) must be less than HEARTBEAT_INTERVAL_MS (${settings.HEARTBEAT_INTERVAL_MS}).`,
    );
  }
  if (settings.PERSISTED_DOCUMENTS_ONLY && settings.PERSISTED_DOCUMENTS === undefined) {
    throw new ConfigError(
      'PERSISTED_DOCUMENTS_ONLY is true, but PERSISTED_DOCUMENTS names no file: nothing could be run.',
    );
  }
  const introspection = settings.INTROSPECTION === undefined ? !production : settings.INTROSPECTION === 'on';
  return {
    ...engineOf(settings),
    production,
    host: settings.HOST,
    port: settings.PORT,
    auth: authOf(settings, production),
    allowedOrigins: settings.ALLOWED_ORIGINS ?? (production ? [] : 'local'),
    introspection,
    graphiql: introspection && !settings.PERSISTED_DOCUMENTS_ONLY,
    persistedDocuments: { file: settings.PERSISTED_DOCUMENTS ?? null, only: settings.PERSISTED_DOCUMENTS_ONLY },
    limits: {
      connectionsPerUser: settings.MAX_CONNECTIONS_PER_USER,
      connectionsPerAddress: settings.MAX_CONNECTIONS_PER_ADDRESS ?? null,
      operationsPerSocket: settings.MAX_OPERATIONS_PER_SOCKET,
      operationsPerSecond: settings.MAX_OPERATIONS_PER_SECOND,
      messageBytes: settings.MAX_MESSAGE_BYTES,
      query: {
        depth: settings.MAX_QUERY_DEPTH,
        fields: settings.MAX_QUERY_FIELDS,
        cost: settings.MAX_QUERY_COST,
      },
    },
    service: {
      heartbeatIntervalMs: settings.HEARTBEAT_INTERVAL_MS,
      heartbeatToleranceMs: settings.HEARTBEAT_TOLERANCE_MS,
      disconnectGraceMs: settings.DISCONNECT_GRACE_MS,
      awayAfterMs: settings.AWAY_AFTER_MS,
      nodeLeaseMs: settings.NODE_LEASE_MS,
    },
    drainMs: settings.DRAIN_MS,
  };
}

/** As loadConfig, for commands that open the engine but do not serve. */
export function loadEngineConfig(env: Environment, flags: Flags = {}): EngineConfig {
  return engineOf(readSettings(env, flags));
}

function engineOf(settings: Settings): EngineConfig {
  if (settings.DATABASE_URL !== undefined) {
    if (!/^(postgres|postgresql):\/\/.|^file:./i.test(settings.DATABASE_URL)) {
      throw new ConfigError('DATABASE_URL must be postgres://… or file:DIRECTORY.');
    }
    throw new ConfigError(
      'DATABASE_URL names a PostgreSQL database, which this version cannot use yet; leave it out to keep friend lists in the same engine as presence.',
    );
  }
  return { redis: settings.REDIS_URL ?? null, logLevel: settings.LOG_LEVEL };
}

function authOf(settings: Settings, production: boolean): AuthConfig {
  const { AUTH_MODE, JWT_SECRET, JWKS_URL, JWT_ISSUER, JWT_AUDIENCE } = settings;
  if (JWT_SECRET !== undefined && JWKS_URL !== undefined) {
    throw new ConfigError('JWT_SECRET and JWKS_URL are both set: tokens are checked with one of them, not with both.');
  }
  if (AUTH_MODE === 'dev') {
    if (production) {
      throw new ConfigError('AUTH_MODE must not be dev with NODE_ENV=production: anyone could sign in as anyone.');
    }
    const unused = (['JWT_SECRET', 'JWKS_URL', 'JWT_ISSUER', 'JWT_AUDIENCE'] as const).find((name) => settings[name]);
    if (unused) throw new ConfigError(`AUTH_MODE is dev, but ${unused} is set: leave one of them out.`);
  }
  if (production && JWKS_URL !== undefined && !isSafeSource(JWKS_URL)) {
    throw new ConfigError(
      'JWKS_URL must be an https:// address with NODE_ENV=production, or one of this machine: over http:// others could put in keys of theirs.',
    );
  }
  if (JWT_SECRET !== undefined || JWKS_URL !== undefined) {
    return {
      mode: 'jwt',
      key:
        JWKS_URL !== undefined
          ? { kind: 'jwks', url: JWKS_URL }
          : { kind: 'secret', secret: new Secret(JWT_SECRET ?? '') },
      issuer: JWT_ISSUER ?? null,
      audience: JWT_AUDIENCE ?? null,
    };
  }
  if (AUTH_MODE === 'jwt') throw new ConfigError('AUTH_MODE is jwt, but there is no key: set JWT_SECRET or JWKS_URL.');
  if (production) throw new ConfigError('JWT_SECRET or JWKS_URL must be set with NODE_ENV=production.');
  const unused = JWT_ISSUER !== undefined ? 'JWT_ISSUER' : JWT_AUDIENCE !== undefined ? 'JWT_AUDIENCE' : null;
  if (unused)
    throw new ConfigError(`${unused} is set, but there is no key to check tokens with: set JWT_SECRET or JWKS_URL.`);
  return { mode: 'dev' };
}
