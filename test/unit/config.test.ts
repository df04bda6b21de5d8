import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { parseCommandLine } from '../../src/config/flags.ts';
import { type Config, ConfigError, loadConfig, loadEngineConfig } from '../../src/config.ts';
import { DEFAULT_BOUNDS } from '../../src/graphql/selection-bounds.ts';
import { openDoors } from '../../src/server/open-doors.ts';

const SECRET = 'a secret that nobody should ever see printed';

/** The one line that stops the start, or the word `started`. */
function start(env: Record<string, string>, ...args: string[]): string {
  try {
    loadConfig(env, parseCommandLine(args).flags);
    return 'started';
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
}

describe('settings that are wrong by themselves', () => {
  const wholeMs = (least: number) => `must be a whole number of milliseconds from ${least} to 2147483647`;
  const cases: [env: Record<string, string>, line: string][] = [
    [{ PORT: 'abc' }, 'PORT must be a whole number from 0 to 65535; it is "abc".'],
    [{ PORT: '65536' }, 'PORT must be a whole number from 0 to 65535; it is "65536".'],
    [{ PORT: '-1' }, 'PORT must be a whole number from 0 to 65535; it is "-1".'],
    [{ PORT: '4e3' }, 'PORT must be a whole number from 0 to 65535; it is "4e3".'],
    [{ HOST: 'a b' }, 'HOST must be the name or the address of a network interface; it is "a b".'],
    [{ HEARTBEAT_INTERVAL_MS: '99' }, `HEARTBEAT_INTERVAL_MS ${wholeMs(100)}; it is "99".`],
    [{ HEARTBEAT_INTERVAL_MS: '30s' }, `HEARTBEAT_INTERVAL_MS ${wholeMs(100)}; it is "30s".`],
    [{ HEARTBEAT_TOLERANCE_MS: '49' }, `HEARTBEAT_TOLERANCE_MS ${wholeMs(50)}; it is "49".`],
    [{ DISCONNECT_GRACE_MS: '-1' }, `DISCONNECT_GRACE_MS ${wholeMs(0)}; it is "-1".`],
    [{ AWAY_AFTER_MS: '99' }, `AWAY_AFTER_MS ${wholeMs(100)}; it is "99".`],
    [{ NODE_LEASE_MS: '299' }, `NODE_LEASE_MS ${wholeMs(300)}; it is "299".`],
    [{ NODE_LEASE_MS: '2147483648' }, `NODE_LEASE_MS ${wholeMs(300)}; it is "2147483648".`],
    [{ DRAIN_MS: '1.5' }, `DRAIN_MS ${wholeMs(0)}; it is "1.5".`],
    [{ AUTH_MODE: 'none' }, 'AUTH_MODE must be one of dev, jwt; it is "none".'],
    [{ LOG_LEVEL: 'loud' }, 'LOG_LEVEL must be one of trace, debug, info, warn, error, fatal, silent; it is "loud".'],
    [
      { JWT_SECRET: 'only 31 bytes, which is too few' },
      'JWT_SECRET must have 32 bytes or more: HS256 is no stronger than its secret.',
    ],
    ...[
      '-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n-----END PUBLIC KEY-----',
      '{"keys":[{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8A","y":"4Etl6SRW2YiLUrN5vfvVHuh"}]}',
    ].map((JWT_SECRET): [Record<string, string>, string] => [
      { JWT_SECRET },
      'JWT_SECRET must be a secret for HS256, not a key of a pair: public keys come from JWKS_URL.',
    ]),
    [
      { JWKS_URL: 'https://ada:hunter2@keys.example/' },
      'JWKS_URL must not hold a user name or a password: public keys need none.',
    ],
    [{ JWKS_URL: 'ftp://keys' }, 'JWKS_URL must be the http:// or https:// address of a JSON Web Key Set.'],
    [
      { ALLOWED_ORIGINS: 'https://a.example, *' },
      'ALLOWED_ORIGINS must be a list of origins like https://app.example.com with commas between them; "*" is none.',
    ],
    [
      { ALLOWED_ORIGINS: 'https://a.example/path' },
      'ALLOWED_ORIGINS must be a list of origins like https://app.example.com with commas between them; "https://a.example/path" is none.',
    ],
    [
      { ALLOWED_ORIGINS: 'https://a.example, null' },
      'ALLOWED_ORIGINS must be a list of origins like https://app.example.com with commas between them; "null" is none.',
    ],
    [
      { ALLOWED_ORIGINS: 'https://a.example, https://*.a.example' },
      'ALLOWED_ORIGINS must be a list of origins like https://app.example.com with commas between them; "https://*.a.example" is none.',
    ],
    [
      { ALLOWED_ORIGINS: 'https://a.example, app.example.com' },
      'ALLOWED_ORIGINS must be a list of origins like https://app.example.com with commas between them; "app.example.com" is none.',
    ],
    [
      { ALLOWED_ORIGINS: 'https://a.example, localhost:3000' },
      'ALLOWED_ORIGINS must be a list of origins like https://app.example.com with commas between them; "localhost:3000" is none.',
    ],
    [
      { ALLOWED_ORIGINS: 'https://a.example, wss://a.example' },
      'ALLOWED_ORIGINS must be a list of origins like https://app.example.com with commas between them; "wss://a.example" is none.',
    ],
    [
      { ALLOWED_ORIGINS: 'https://a.example, file://a' },
      'ALLOWED_ORIGINS must be a list of origins like https://app.example.com with commas between them; "file://a" is none.',
    ],
    [
      { ALLOWED_ORIGINS: 'https://a.example, https://user@a.example' },
      'ALLOWED_ORIGINS must be a list of origins like https://app.example.com with commas between them; "https://user@a.example" is none.',
    ],
    [
      { ALLOWED_ORIGINS: 'https://a.example, https://a.example:99999' },
      'ALLOWED_ORIGINS must be a list of origins like https://app.example.com with commas between them; "https://a.example:99999" is none.',
    ],
    [{ INTROSPECTION: 'yes' }, 'INTROSPECTION must be one of on, off; it is "yes".'],
    [{ PERSISTED_DOCUMENTS_ONLY: 'yes' }, 'PERSISTED_DOCUMENTS_ONLY must be one of true, false; it is "yes".'],
    [{ DATABASE_URL: 'mysql://db' }, 'DATABASE_URL must be postgres://… or file:DIRECTORY.'],
  ];
  test.each(cases)('%j', (env, line) => expect(start(env)).toBe(line));

  test('a flag is named too', () =>
    expect(start({}, '--port', 'x')).toBe('PORT (--port) must be a whole number from 0 to 65535; it is "x".'));
});

describe('settings that contradict each other', () => {
  const cases: [env: Record<string, string>, line: string][] = [
    [
      { HEARTBEAT_INTERVAL_MS: '5000' },
      'HEARTBEAT_TOLERANCE_MS (5000) must be less than HEARTBEAT_INTERVAL_MS (5000).',
    ],
    [
      { JWT_SECRET: SECRET, JWKS_URL: 'https://a.example/keys' },
      'JWT_SECRET and JWKS_URL are both set: tokens are checked with one of them, not with both.',
    ],
    [{ AUTH_MODE: 'jwt' }, 'AUTH_MODE is jwt, but there is no key: set JWT_SECRET or JWKS_URL.'],
    [{ NODE_ENV: 'production' }, 'JWT_SECRET or JWKS_URL must be set with NODE_ENV=production.'],
    [
      { NODE_ENV: 'production', AUTH_MODE: 'dev' },
      'AUTH_MODE must not be dev with NODE_ENV=production: anyone could sign in as anyone.',
    ],
    [
      { NODE_ENV: 'production', AUTH_MODE: 'dev', JWT_SECRET: SECRET },
      'AUTH_MODE must not be dev with NODE_ENV=production: anyone could sign in as anyone.',
    ],
    ...['PRODUCTION', 'prod', ' production '].map((NODE_ENV): [Record<string, string>, string] => [
      { NODE_ENV },
      'JWT_SECRET or JWKS_URL must be set with NODE_ENV=production.',
    ]),
    ...[
      'http://keys.example/',
      'http://10.0.0.1/keys',
      'http://localhost.keys.example/',
      'http://127.0.0.1.keys.example/',
    ].map((JWKS_URL): [Record<string, string>, string] => [
      { NODE_ENV: 'production', JWKS_URL },
      'JWKS_URL must be an https:// address with NODE_ENV=production, or one of this machine: over http:// others could put in keys of theirs.',
    ]),
    [{ AUTH_MODE: 'dev', JWT_AUDIENCE: 'a' }, 'AUTH_MODE is dev, but JWT_AUDIENCE is set: leave one of them out.'],
    [{ AUTH_MODE: 'dev', JWT_SECRET: SECRET }, 'AUTH_MODE is dev, but JWT_SECRET is set: leave one of them out.'],
    [
      { JWT_ISSUER: 'https://a.example' },
      'JWT_ISSUER is set, but there is no key to check tokens with: set JWT_SECRET or JWKS_URL.',
    ],
    [
      { PERSISTED_DOCUMENTS_ONLY: 'true' },
      'PERSISTED_DOCUMENTS_ONLY is true, but PERSISTED_DOCUMENTS names no file: nothing could be run.',
    ],
  ];
  test.each(cases)('%j', (env, line) => expect(start(env)).toBe(line));
});

describe('what this version cannot do yet is said and not half done', () => {
  const cases: [env: Record<string, string>, what: RegExp][] = [
    [
      { DATABASE_URL: 'postgres://a/b' },
      /^DATABASE_URL names a PostgreSQL database, which this version cannot use yet/,
    ],
    [{ DATABASE_URL: 'file:data' }, /^DATABASE_URL names a PostgreSQL database, which this version cannot use yet/],
  ];
  test.each(cases)('%j', (env, what) => expect(start(env)).toMatch(what));
});

describe('flags', () => {
  const cases: [args: string[], line: string][] = [
    [['--prot', '1'], '--prot is not a setting of Rollcall; did you mean --port?'],
    [['--redis', 'redis://a'], '--redis is not a setting of Rollcall; did you mean --redis-url?'],
    [['--qqqqqqqq'], '--qqqqqqqq is not a setting of Rollcall; rollcall --help lists them all.'],
    [['-p', '1'], '-p is not a setting of Rollcall; rollcall --help lists them all.'],
    [['--port'], '--port needs a value.'],
    [['--port', '--host', 'localhost'], '--port needs a value.'],
    [['--port', '1', '--port=2'], '--port is given twice.'],
  ];
  test.each(cases)('%j', (args, line) => expect(start({}, ...args)).toBe(line));

  test('win over the environment; an empty one, as of a shell variable that is not set, counts as not given', () => {
    const config = loadConfig({ PORT: '1', DRAIN_MS: '7' }, parseCommandLine(['--port', '2', '--drain-ms=']).flags);
    expect(config).toMatchObject({ port: 2, drainMs: 7 });
    expect(loadConfig({}, parseCommandLine(['--port=']).flags)).toMatchObject({ port: 4000 });
    const line = 'PORT must be a whole number from 0 to 65535; it is "x".';
    expect(start({ PORT: 'x' }, '--port= ')).toBe(line);
  });

  test('the shortest spans are allowed together', () => {
    const shortest = { HEARTBEAT_INTERVAL_MS: '100', HEARTBEAT_TOLERANCE_MS: '50', DISCONNECT_GRACE_MS: '0' };
    expect(start({ ...shortest, AWAY_AFTER_MS: '100', NODE_LEASE_MS: '300', DRAIN_MS: '0' })).toBe('started');
  });

  test('leave the rest to the command', () => {
    const line = parseCommandLine(['import-friends', '--strict', 'a.csv', '--', '--b'], ['strict']);
    expect(line.positionals).toEqual(['import-friends', 'a.csv', '--b']);
    expect([...line.switches]).toEqual(['strict']);
  });
});

test('without any setting: the defaults of the contract', () => {
  expect(loadConfig({})).toEqual({
    production: false,
    host: '127.0.0.1',
    port: 4000,
    redis: null,
    auth: { mode: 'dev' },
    allowedOrigins: 'local',
    persistedDocuments: { file: null, only: false },
    limits: {
      connectionsPerUser: 50,
      connectionsPerAddress: null,
      operationsPerSocket: 100,
      operationsPerSecond: 1_000,
      messageBytes: 1_048_576,
      query: DEFAULT_BOUNDS,
    },
    introspection: true,
    graphiql: true,
    service: {
      heartbeatIntervalMs: 30_000,
      heartbeatToleranceMs: 5_000,
      disconnectGraceMs: 10_000,
      awayAfterMs: 300_000,
      nodeLeaseMs: 10_000,
    },
    drainMs: 15_000,
    logLevel: 'info',
  } satisfies Config);
});

test('an empty environment variable counts as not set', () =>
  expect(loadConfig({ PORT: '', REDIS_URL: ' ' })).toMatchObject({ port: 4000, redis: null }));

test('a key turns the sign-in with tokens on, in production with no origin allowed', () => {
  const config = loadConfig({ NODE_ENV: 'production', JWT_SECRET: SECRET, JWT_ISSUER: 'me', JWT_AUDIENCE: 'you' });
  expect(config).toMatchObject({
    auth: { mode: 'jwt', key: { kind: 'secret' }, issuer: 'me', audience: 'you' },
    allowedOrigins: [],
  });
});

test('keys may come from this machine without TLS, in production too, and from anywhere else in development', () => {
  for (const JWKS_URL of [
    'http://localhost:1/',
    'http://127.8.8.8/',
    'http://[::1]:80/keys',
    'https://keys.example/',
  ]) {
    expect(start({ NODE_ENV: 'production', JWKS_URL })).toBe('started');
  }
  expect(start({ JWKS_URL: 'http://keys.example/' })).toBe('started');
});

test('who lets in more people than they may have had in mind is told so', () => {
  const told = (env: Record<string, string>): readonly string[] => openDoors(loadConfig(env));
  const keys = { JWKS_URL: 'https://keys.example/' };
  expect(told({ HOST: '0.0.0.0' })).toEqual([expect.stringMatching(/^Development sign-in on HOST 0\.0\.0\.0: /)]);
  expect(told({ HOST: '::' })).toHaveLength(1);
  expect(told(keys)).toEqual([expect.stringMatching(/^JWT_AUDIENCE is not set: /)]);
  for (const env of [
    {},
    { HOST: '::1' },
    { HOST: 'localhost' },
    { ...keys, JWT_AUDIENCE: 'a' },
    { JWT_SECRET: SECRET },
  ]) {
    expect(told(env)).toEqual([]);
  }
});

test('origins are read into the form in which browsers send them', () =>
  expect(loadConfig({ ALLOWED_ORIGINS: 'https://A.example:443/, capacitor://localhost,' }).allowedOrigins).toEqual([
    'https://a.example',
    'capacitor://localhost',
  ]));

test('commands that do not serve need no key', () => {
  const env = { NODE_ENV: 'production', REDIS_URL: 'redis://a' };
  expect(loadEngineConfig(env).redis).toMatchObject({ kind: 'server', address: { host: 'a', port: 6379 } });
});

test('a secret is in no text that is made of the settings', () => {
  const config = loadConfig({ JWT_SECRET: SECRET, REDIS_URL: `redis://user:${encodeURIComponent(SECRET)}@host` });
  for (const text of [JSON.stringify(config), inspect(config, { depth: 9 }), String(config.redis?.password)]) {
    expect(text).not.toContain('nobody should');
  }
});

test('the schema is told in development, and in production where it is asked for', () => {
  const production = { NODE_ENV: 'production', JWT_SECRET: SECRET };
  expect(loadConfig({}).introspection).toBe(true);
  expect(loadConfig({ INTROSPECTION: 'off' }).introspection).toBe(false);
  expect(loadConfig(production).introspection).toBe(false);
  expect(loadConfig({ ...production, INTROSPECTION: 'on' }).introspection).toBe(true);
});

test.each([
  [{}, true, true],
  [{ INTROSPECTION: 'off' }, false, false],
  [{ NODE_ENV: 'production', JWT_SECRET: SECRET }, false, false],
  [{ NODE_ENV: 'production', JWT_SECRET: SECRET, INTROSPECTION: 'on' }, true, true],
  [{ PERSISTED_DOCUMENTS: 'file.json', PERSISTED_DOCUMENTS_ONLY: 'true' }, true, false],
  [{ PERSISTED_DOCUMENTS: 'file.json', PERSISTED_DOCUMENTS_ONLY: 'true', INTROSPECTION: 'on' }, true, false],
])('rule 15.7: with %j the schema is told: %s, and there is GraphiQL: %s', (env, introspection, graphiql) => {
  expect(loadConfig(env)).toMatchObject({ introspection, graphiql });
});
