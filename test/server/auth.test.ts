import { type JWTPayload, SignJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, type MockInstance, test, vi } from 'vitest';
import { Secret } from '../../src/config/secret.ts';
import type { AuthConfig } from '../../src/config.ts';
import { RollcallError } from '../../src/errors.ts';
import { RedisClock } from '../../src/redis/clock.ts';
import { AcceptedTokens } from '../../src/server/accepted-tokens.ts';
import { type Authenticate, type Identity, openSignIn } from '../../src/server/auth.ts';
import { takeToken, tokenFromHeader } from '../../src/server/credentials.ts';
import { quiet } from '../support/quiet.ts';
import { outcomeOf } from './sign-in-outcome.ts';

/** The store's clock, far from this machine's. */
const NOW = Date.UTC(2040, 0, 1);
const NOW_S = NOW / 1000;
const clock = { now: () => NOW };
const SECRET = 'thirty-two bytes at the very least';

function jwt(claims: JWTPayload, secret = SECRET, alg = 'HS256'): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg }).sign(new TextEncoder().encode(secret));
}

type JwtConfig = Extract<AuthConfig, { mode: 'jwt' }>;

function withKey(rest: Partial<JwtConfig> = {}): JwtConfig {
  const key = { kind: 'secret', secret: new Secret(SECRET) } as const;
  return { mode: 'jwt', key, issuer: null, audience: null, ...rest };
}

function withSecret(rest: Partial<JwtConfig> = {}): Authenticate {
  return openSignIn(withKey(rest), clock, quiet).authenticate;
}

/** `CODE: sentence`, or who it is. */
async function outcome(authenticated: Promise<Identity>): Promise<Identity | string> {
  try {
    return await authenticated;
  } catch (error) {
    if (error instanceof RollcallError) return `${error.code}: ${error.message}`;
    throw error;
  }
}

describe('development sign-in', () => {
  const authenticate = openSignIn({ mode: 'dev' }, clock, quiet).authenticate;
  const wrong = 'UNAUTHENTICATED: The token must be a user id of 1 to 256 characters.';
  const cases: [what: string, token: string, who: Identity | string][] = [
    ['the token is the user id', 'ada', { userId: 'ada', admin: false, expiresAt: null }],
    ['admin:<id> has the admin scope', 'admin:ada', { userId: 'ada', admin: true, expiresAt: null }],
    ['256 characters', 'x'.repeat(256), { userId: 'x'.repeat(256), admin: false, expiresAt: null }],
    ['257 characters', 'x'.repeat(257), wrong],
    ['an admin without a name', 'admin:', wrong],
    ['half a character', 'ada\ud83d', wrong],
  ];
  test.each(cases)('%s', async (_, token, who) => expect(await outcome(authenticate(token))).toEqual(who));
});

describe('tokens signed with a secret', () => {
  test('sub is the user id; without exp it does not end', async () =>
    expect(await withSecret()(await jwt({ sub: 'ada' }))).toEqual({ userId: 'ada', admin: false, expiresAt: null }));

  test('scope may hold presence:admin among others', async () => {
    const scopes = ['presence:admin', 'read presence:admin', 'presence:administrator', 'PRESENCE:ADMIN', ''];
    const admins = await Promise.all(scopes.map(async (scope) => withSecret()(await jwt({ sub: 'ada', scope }))));
    expect(admins.map(({ admin }) => admin)).toEqual([true, true, false, false, false]);
  });

  test("rule 11: its end is judged by the store's clock", async () => {
    const authenticate = withSecret();
    expect(await authenticate(await jwt({ sub: 'ada', exp: NOW_S + 1 }))).toMatchObject({ expiresAt: NOW + 1000 });
    expect(await outcome(authenticate(await jwt({ sub: 'ada', exp: NOW_S })))).toBe(
      'UNAUTHENTICATED: The token has expired.',
    );
    expect(await outcome(authenticate(await jwt({ sub: 'ada', exp: NOW_S - 3600 })))).toBe(
      'UNAUTHENTICATED: The token has expired.',
    );
  });

  test("an issuer's clock may be a little ahead", async () => {
    expect(await withSecret()(await jwt({ sub: 'ada', nbf: NOW_S + 4 }))).toMatchObject({ userId: 'ada' });
    expect(await outcome(withSecret()(await jwt({ sub: 'ada', nbf: NOW_S + 60 })))).toBe(
      'UNAUTHENTICATED: The token is not valid yet.',
    );
  });

  test('issuer and audience count where they are set', async () => {
    const authenticate = withSecret({ issuer: 'us', audience: 'here' });
    const claims = { sub: 'ada', iss: 'us', aud: ['here', 'there'] };
    expect(await authenticate(await jwt(claims))).toMatchObject({ userId: 'ada' });
    expect(await outcome(authenticate(await jwt({ ...claims, iss: 'them' })))).toMatch(/of another issuer/);
    expect(await outcome(authenticate(await jwt({ ...claims, aud: 'there' })))).toMatch(/for another audience/);
    expect(await outcome(authenticate(await jwt({ sub: 'ada' })))).toMatch(/of another issuer/);
  });

  const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from('{"sub":"ada"}').toString('base64url')}.`;
  const cases: [what: string, token: string | Promise<string>, why: RegExp][] = [
    ['no token at all', 'ada', /is not a JSON Web Token/],
    ['three parts of nothing', 'a.b.c', /is not a JSON Web Token/],
    [
      'another secret',
      jwt({ sub: 'ada' }, 'another one of thirty-two bytes or so'),
      /signature of the token is not valid/,
    ],
    ['another algorithm', jwt({ sub: 'ada' }, `${SECRET}${SECRET}`, 'HS512'), /signed in a way not accepted here/],
    ['no signature', unsigned, /signed in a way not accepted here/],
    ['no user', jwt({}), /sub must be a user id of 1 to 256 characters/],
    ['an oversized user', jwt({ sub: 'x'.repeat(257) }), /sub must be a user id of 1 to 256 characters/],
    ['an oversized token', jwt({ sub: 'ada', more: 'x'.repeat(20_000) }), /too long/],
  ];
  test.each(cases)('%s is refused', async (_, token, why) => {
    const told = await outcome(withSecret()(await token));
    expect(told).toMatch(why);
    expect(told).toMatch(/^UNAUTHENTICATED: /);
    expect(told).not.toContain(SECRET);
  });
});

describe('rule 14.7: a token that was accepted is not verified again', () => {
  let verifying: MockInstance<SubtleCrypto['verify']>;
  beforeEach(() => {
    verifying = vi.spyOn(crypto.subtle, 'verify');
  });
  afterEach(() => verifying.mockRestore());

  test('and counts until its end, to the millisecond', async () => {
    let now = NOW;
    const { authenticate } = openSignIn(withKey(), { now: () => now }, quiet);
    const token = await jwt({ sub: 'ada', exp: NOW_S + 60 });
    for (let index = 0; index < 100; index++) expect(await outcomeOf(authenticate(token))).toBe('ada');
    expect(verifying).toHaveBeenCalledTimes(1);
    now = NOW + 59_999;
    expect(await outcomeOf(authenticate(token))).toBe('ada');
    now = NOW + 60_000;
    expect(await outcomeOf(authenticate(token))).toBe('UNAUTHENTICATED: The token has expired.');
    expect(verifying).toHaveBeenCalledTimes(1);
  });

  test('one that was refused is, each time', async () => {
    const { authenticate } = openSignIn(withKey(), clock, quiet);
    const token = await jwt({ sub: 'ada', nbf: NOW_S + 60 });
    for (let index = 0; index < 3; index++) expect(await outcomeOf(authenticate(token))).toMatch(/not valid yet/);
    expect(verifying).toHaveBeenCalledTimes(3);
  });

  test('one that differs in its last character is another one', async () => {
    const { authenticate } = openSignIn(withKey(), clock, quiet);
    const token = await jwt({ sub: 'ada' });
    expect(await outcomeOf(authenticate(token))).toBe('ada');
    for (const other of [`${token.slice(0, -1)}`, `${token}A`, token.toLowerCase()]) {
      expect(await outcomeOf(authenticate(other))).toMatch(/^UNAUTHENTICATED: /);
    }
  });
});

test('of more tokens than are remembered those used last are', () => {
  const accepted = new AcceptedTokens<number>(3);
  for (const number of [1, 2, 3]) accepted.set(`token ${number}`, number);
  expect(accepted.get('token 1')).toBe(1);
  accepted.set('token 4', 4);
  expect([1, 2, 3, 4].map((number) => accepted.get(`token ${number}`))).toEqual([1, null, 3, 4]);
  accepted.clear();
  expect(accepted.get('token 1')).toBeNull();
});

test('rule 14.9: while the clock of the store is not known, nobody can sign in, and nobody is told that their token is bad', async () => {
  const redis = new RedisClock();
  const { authenticate } = openSignIn(withKey(), redis, quiet);
  const token = await jwt({ sub: 'ada', exp: NOW_S + 60 });
  expect(await outcomeOf(authenticate(token))).toBe('UNAVAILABLE: The store has not been reached yet.');
  redis.sample(redis.monotonic(), NOW);
  expect(await outcomeOf(authenticate(token))).toBe('ada');
});

test('a token without an end is accepted, and the log says once what that means', async () => {
  const log: string[] = [];
  const { authenticate } = openSignIn(withKey(), clock, { ...quiet, warn: (_, line) => void log.push(line) });
  for (const sub of ['ada', 'bob']) expect(await outcomeOf(authenticate(await jwt({ sub })))).toBe(sub);
  expect(log).toEqual([expect.stringMatching(/^A token without exp was accepted/)]);
});

test('the Authorization header', () => {
  expect(tokenFromHeader(undefined)).toBeNull();
  expect(tokenFromHeader('')).toBeNull();
  expect(tokenFromHeader('Bearer ada')).toBe('ada');
  expect(tokenFromHeader('bearer  Ada Lovelace ')).toBe('Ada Lovelace');
  expect(tokenFromHeader(' Bearer\tada')).toBe('ada');
  for (const header of ['ada', 'Basic YTpi', 'Bearer', 'Bearer ', 'Bearerada']) {
    expect(() => tokenFromHeader(header)).toThrow('must be of the form: Bearer <token>');
  }
});

test('a header is read in time that grows with its length alone', () => {
  // One of them took a quarter of a second of everybody's time.
  const header = `Bearer a${' '.repeat(16_000)}b`;
  for (let index = 0; index < 5_000; index++) expect(tokenFromHeader(header)).toHaveLength(16_002);
});

test('rule 14.8: the connection parameters, of which nothing is kept', () => {
  const take = (connectionParams?: Record<string, unknown>): string | null => takeToken({ connectionParams });
  expect(take()).toBeNull();
  expect(take({ authorization: null, x: 1 })).toBeNull();
  expect(take({ authorization: '' })).toBeNull();
  expect(take({ authorization: 'Bearer ada' })).toBe('ada');
  expect(take({ Authorization: 'ada' })).toBe('ada');
  expect(() => take({ authorization: 1 })).toThrow('must be a text');
  const greeting = { connectionParams: { authorization: 'Bearer ada', more: 'x'.repeat(1_000_000) } };
  expect(takeToken(greeting)).toBe('ada');
  expect(greeting.connectionParams).toBeUndefined();
});
