import { z } from 'zod';
import { ConfigError } from './config-error.ts';
import { parseOrigins } from './origins.ts';
import { parseRedisUrl } from './redis-location.ts';
import { hasCredentials, looksLikeKeyFile } from './sign-in-keys.ts';

/** Node.js' timers hold no more, and neither does GraphQL's Int. About 24.8 days. */
const MAX_MS = 2 ** 31 - 1;

const MAX_COUNT = 1_000_000_000;

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/**
 * Every setting, by the name of its environment variable, in the order in which the help shows them. The shortest spans
 * are what a store over a network can still keep up with: a node's lease is renewed at least every HEARTBEAT_TOLERANCE_MS
 * and every third of NODE_LEASE_MS.
 */
export const settingsSchema = z.object({
  PORT: wholeNumber(0, 65_535).default(4000).describe('the port to listen on; 0 takes any free one'),
  HOST: z
    .string()
    .regex(/^[^\s/]+$/, 'must be the name or the address of a network interface')
    .default('127.0.0.1')
    .describe('the address to listen on'),
  REDIS_URL: reads(parseRedisUrl)
    .optional()
    .describe(
      'redis://…, redis-sentinel://… or redis-cluster://…: keep everything in Redis; none: the embedded engine, one process',
    ),
  DATABASE_URL: z.string().optional().describe('friend lists in PostgreSQL; none: in the same engine as presence'),
  AUTH_MODE: oneOf(['dev', 'jwt'])
    .optional()
    .describe('jwt if a key is set or NODE_ENV=production, else dev: the bearer token is the user id'),
  JWT_SECRET: z
    .string()
    .refine(
      (secret) => Buffer.byteLength(secret) >= 32,
      'must have 32 bytes or more: HS256 is no stronger than its secret',
    )
    .refine(
      (secret) => !looksLikeKeyFile(secret),
      'must be a secret for HS256, not a key of a pair: public keys come from JWKS_URL',
    )
    .optional()
    .describe('the HS256 secret that tokens are signed with, 32 bytes or more'),
  JWKS_URL: z
    .url({ protocol: /^https?$/, error: 'must be the http:// or https:// address of a JSON Web Key Set', abort: true })
    .refine((url) => !hasCredentials(url), 'must not hold a user name or a password: public keys need none')
    .optional()
    .describe('where the public keys are found that tokens are checked with'),
  JWT_ISSUER: z.string().optional().describe('refuse tokens of another issuer'),
  JWT_AUDIENCE: z.string().optional().describe('refuse tokens for another audience'),
  HEARTBEAT_INTERVAL_MS: milliseconds(100).default(30_000).describe('how often clients are told to send heartbeats'),
  HEARTBEAT_TOLERANCE_MS: milliseconds(50)
    .default(5_000)
    .describe('a session without a connection is gone an interval and twice this after its last heartbeat'),
  DISCONNECT_GRACE_MS: milliseconds(0).default(10_000).describe('how long a session outlives its lost connection'),
  AWAY_AFTER_MS: milliseconds(100)
    .default(300_000)
    .describe('without activity for this long, a session counts as idle'),
  NODE_LEASE_MS: milliseconds(300).default(10_000).describe('a node that has not renewed for this long is dead'),
  DRAIN_MS: milliseconds(0).default(15_000).describe('over which a stopping node spreads its goodbyes'),
  ALLOWED_ORIGINS: reads(parseOrigins)
    .optional()
    .describe('origins of browser pages that may connect; none in production, else any local one'),
  INTROSPECTION: oneOf(['on', 'off'])
    .optional()
    .describe('whether clients can ask for the schema, and GraphiQL is shown: off in production, else on'),
  PERSISTED_DOCUMENTS: z
    .string()
    .optional()
    .describe('a JSON file of documents by their hash, which clients may name by it from the start'),
  PERSISTED_DOCUMENTS_ONLY: oneOf(['true', 'false'])
    .transform((text) => text === 'true')
    .default(false)
    .describe('true: nothing is run but the documents in PERSISTED_DOCUMENTS, and there is no GraphiQL'),
  MAX_CONNECTIONS_PER_USER: wholeNumber(1, MAX_COUNT)
    .default(50)
    .describe('WebSockets and event streams that one user may have open at one node'),
  MAX_CONNECTIONS_PER_ADDRESS: wholeNumber(1, MAX_COUNT)
    .optional()
    .describe('the same for one network address; none: not limited, since a load balancer is one address'),
  MAX_OPERATIONS_PER_SOCKET: wholeNumber(1, MAX_COUNT)
    .default(100)
    .describe('operations that one WebSocket may have under way, subscriptions among them'),
  MAX_OPERATIONS_PER_SECOND: wholeNumber(1, MAX_COUNT)
    .default(1_000)
    .describe('operations that one user may begin at one node in a second'),
  MAX_MESSAGE_BYTES: wholeNumber(1_024, 100_000_000)
    .default(1_048_576)
    .describe('the length of a request body or of a message over a WebSocket'),
  MAX_QUERY_DEPTH: wholeNumber(1, MAX_COUNT).default(20).describe('levels of fields within fields in one operation'),
  MAX_QUERY_FIELDS: wholeNumber(1, MAX_COUNT).default(500).describe('fields in one operation, each alias by itself'),
  MAX_QUERY_COST: wholeNumber(1, MAX_COUNT)
    .default(50_000)
    .describe('the same, with the fields of a list once for each entry that may be in it'),
  LOG_LEVEL: oneOf(LOG_LEVELS)
    .default('info')
    .describe(`the least that is logged: ${LOG_LEVELS.join(', ')}`),
});

export type SettingName = keyof typeof settingsSchema.shape;
export type Settings = z.output<typeof settingsSchema>;
export type Environment = Readonly<Record<string, string | undefined>>;
export type Flags = Readonly<Partial<Record<SettingName, string>>>;

export const SETTING_NAMES = Object.keys(settingsSchema.shape) as readonly SettingName[];

/** What an error message must not repeat, since it is, or may hold, a secret. */
const SECRET: ReadonlySet<SettingName> = new Set(['JWT_SECRET', 'REDIS_URL', 'DATABASE_URL', 'JWKS_URL']);

/** `--heartbeat-interval-ms` for HEARTBEAT_INTERVAL_MS. */
export function flagOf(name: SettingName): string {
  return `--${name.toLowerCase().replaceAll('_', '-')}`;
}

/**
 * Each setting by itself: a flag wins over the environment, and an empty text stands for none. Throws ConfigError with
 * one line on the first that is wrong, in the order of the table.
 */
export function readSettings(env: Environment, flags: Flags): Settings {
  const given: Partial<Record<SettingName, string>> = {};
  for (const name of SETTING_NAMES) {
    const flag = flags[name] ?? '';
    const text = flag.trim() === '' ? (env[name] ?? '') : flag;
    // Spaces around a value come from files and shells, but those in a secret belong to it.
    if (text.trim() !== '') given[name] = name === 'JWT_SECRET' ? text : text.trim();
  }
  const result = settingsSchema.safeParse(given);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const name = SETTING_NAMES.find((known) => known === issue?.path[0]);
  if (!issue || !name) throw new ConfigError('The settings cannot be read.');
  // Those that are read by functions of their own say it all in their own words.
  if (issue.code === 'custom' && issue.message.startsWith(name)) throw new ConfigError(issue.message);
  const shown = SECRET.has(name) ? '' : `; it is ${JSON.stringify(given[name]?.slice(0, 80))}`;
  const origin = (flags[name] ?? '').trim() === '' ? '' : ` (${flagOf(name)})`;
  throw new ConfigError(`${name}${origin} ${issue.message}${shown}.`);
}

/** The default as the help shows it. */
export function defaultOf(name: SettingName): string {
  const result = settingsSchema.shape[name].safeParse(undefined);
  return result.success && result.data !== undefined ? String(result.data) : 'none';
}

function wholeNumber(min: number, max: number) {
  const error = `must be a whole number from ${min} to ${max}`;
  return z
    .string()
    .regex(/^\d{1,15}$/, { error, abort: true })
    .transform(Number)
    .refine((number) => number >= min && number <= max, error);
}

function milliseconds(min: number) {
  const error = `must be a whole number of milliseconds from ${min} to ${MAX_MS}`;
  return z
    .string()
    .regex(/^\d{1,15}$/, { error, abort: true })
    .transform(Number)
    .refine((number) => number >= min && number <= MAX_MS, error);
}

function oneOf<const T extends readonly string[]>(values: T) {
  return z.enum(values, { error: `must be one of ${values.join(', ')}` });
}

function reads<T>(parse: (text: string) => T) {
  return z.string().transform((text, context): T => {
    try {
      return parse(text);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      context.addIssue({ code: 'custom', message: error.message });
      return z.NEVER;
    }
  });
}
