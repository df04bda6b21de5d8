import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { afterEach, describe, expect, test } from 'vitest';
import { Secret } from '../../src/config/secret.ts';
import type { AuthConfig } from '../../src/config.ts';
import { RollcallError } from '../../src/errors.ts';
import { createAuthenticate, type Identity } from '../../src/server/auth.ts';
import { tokenFromConnectionParams, tokenFromHeader } from '../../src/server/credentials.ts';

/** The store's clock, far from this machine's. */
const NOW = Date.UTC(2040, 0, 1);
const NOW_S = NOW / 1000;
const clock = { now: () => NOW };
const SECRET = 'thirty-two bytes at the very least';

function jwt(claims: JWTPayload, secret = SECRET, alg = 'HS256'): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg }).sign(new TextEncoder().encode(secret));
}

function withSecret(rest: Partial<Extract<AuthConfig, { mode: 'jwt' }>> = {}) {
  const key = { kind: 'secret', secret: new Secret(SECRET) } as const;
  return createAuthenticate({ mode: 'jwt', key, issuer: null, audience: null, ...rest }, clock);
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
  const authenticate = createAuthenticate({ mode: 'dev' }, clock);
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

describe('tokens signed with a key of a JSON Web Key Set', () => {
  const open: { close(): void }[] = [];
  afterEach(() => {
    for (const server of open.splice(0)) server.close();
  });

  async function keySet(status: number, keys: object[]): Promise<string> {
    const server = createServer((_, response) => response.writeHead(status).end(JSON.stringify({ keys })));
    open.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`;
  }
  const withKeys = (url: string) =>
    createAuthenticate({ mode: 'jwt', key: { kind: 'jwks', url }, issuer: null, audience: null }, clock);

  test('one of the set', async () => {
    const { publicKey, privateKey } = await generateKeyPair('ES256');
    const authenticate = withKeys(await keySet(200, [{ ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256' }]));
    const sign = (kid: string) =>
      new SignJWT({ sub: 'ada' }).setProtectedHeader({ alg: 'ES256', kid }).sign(privateKey);
    expect(await authenticate(await sign('one'))).toMatchObject({ userId: 'ada' });
    expect(await outcome(authenticate(await sign('two')))).toMatch(/^UNAUTHENTICATED: The signature/);
    // The public key is no secret to sign with.
    expect(await outcome(authenticate(await jwt({ sub: 'ada' }, JSON.stringify(await exportJWK(publicKey)))))).toMatch(
      /^UNAUTHENTICATED: /,
    );
  });

  test('while the set is out of reach nobody is told that their token is bad', async () => {
    const { privateKey } = await generateKeyPair('ES256');
    const token = await new SignJWT({ sub: 'ada' }).setProtectedHeader({ alg: 'ES256' }).sign(privateKey);
    expect(await outcome(withKeys(await keySet(500, []))(token))).toMatch(/^UNAVAILABLE: /);
  });
});

test('the Authorization header', () => {
  expect(tokenFromHeader(undefined)).toBeNull();
  expect(tokenFromHeader('')).toBeNull();
  expect(tokenFromHeader('Bearer ada')).toBe('ada');
  expect(tokenFromHeader('bearer  Ada Lovelace ')).toBe('Ada Lovelace');
  for (const header of ['ada', 'Basic YTpi', 'Bearer', 'Bearer ', 'Bearerada']) {
    expect(() => tokenFromHeader(header)).toThrow('must be of the form: Bearer <token>');
  }
});

test('the connection parameters', () => {
  expect(tokenFromConnectionParams(undefined)).toBeNull();
  expect(tokenFromConnectionParams({ authorization: null, x: 1 })).toBeNull();
  expect(tokenFromConnectionParams({ authorization: '' })).toBeNull();
  expect(tokenFromConnectionParams({ authorization: 'Bearer ada' })).toBe('ada');
  expect(tokenFromConnectionParams({ Authorization: 'ada' })).toBe('ada');
  expect(() => tokenFromConnectionParams({ authorization: 1 })).toThrow('must be a text');
});
