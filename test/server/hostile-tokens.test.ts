import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import type { JWK } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/config.ts';
import { type RunningServer, startServer } from '../../src/server/server.ts';
import { answerWith, JwksServer } from '../support/jwks-server.ts';
import { AUDIENCE, type Grounds, hostileTokens, hs256, hugeToken, ISSUER, rs256 } from './hostile-tokens.ts';
import { DOORS } from './sign-in-doors.ts';

const SECRET = 'thirty-two bytes at the very least';
const nowS = Math.floor(Date.now() / 1_000);
const good = { sub: 'ada', iss: ISSUER, aud: AUDIENCE, exp: nowS + 600 };

const rsa = named('rsa', generateKeyPairSync('rsa', { modulusLength: 2048 }), 'RS256');
const ec = named('ec', generateKeyPairSync('ec', { namedCurve: 'P-256' }), 'ES256');
const stranger = named('stranger', generateKeyPairSync('rsa', { modulusLength: 2048 }), 'RS256');
const grounds: Grounds = { rsa, ec, stranger, strangersUrl: 'http://127.0.0.1:1/keys', nowS };

function named(kid: string, pair: { publicKey: KeyObject; privateKey: KeyObject }, alg: string) {
  return { privateKey: pair.privateKey, jwk: { ...(pair.publicKey.export({ format: 'jwk' }) as JWK), kid, alg } };
}

let jwks: JwksServer;
let withKeys: RunningServer;
let withSecret: RunningServer;
/** How often somebody asked the stranger for a key, and where that is. */
let strangersServer: Server;
let strangerAsked = 0;
/** All that an operator would read, details too. */
const log: string[] = [];

beforeAll(async () => {
  jwks = await JwksServer.start(answerWith([rsa.jwk, ec.jwk]));
  strangersServer = createServer((_, response) => {
    strangerAsked++;
    response.end(JSON.stringify({ keys: [stranger.jwk] }));
  });
  await new Promise<void>((resolve) => strangersServer.listen(0, '127.0.0.1', resolve));
  const note = (details: object, line: string): void => void log.push(`${line} ${inspect(details, { depth: 9 })}`);
  const logger = { debug: note, info: note, warn: note, error: note };
  const usual = { PORT: '0', DRAIN_MS: '0', JWT_ISSUER: ISSUER, JWT_AUDIENCE: AUDIENCE };
  [withKeys, withSecret] = await Promise.all([
    startServer(loadConfig({ ...usual, JWKS_URL: jwks.url }), logger),
    startServer(loadConfig({ ...usual, JWT_SECRET: SECRET }), logger),
  ]);
  await Promise.all([withKeys.whenReady, withSecret.whenReady]);
});
afterAll(async () => {
  await Promise.all([withKeys.close(), withSecret.close(), jwks.close()]);
  strangersServer.close();
});

const DOOR_NAMES = ['post', 'get', 'sse', 'websocket'] as const;

/** What each door says to the token; the same, if it says who comes in, or why nobody does. */
async function toldTo(token: string, server: RunningServer): Promise<string> {
  const told = await Promise.all(DOOR_NAMES.map((door) => DOORS[door](server.url, token)));
  const alike = new Set(told.map((text) => text.replace(/^4403: /, 'UNAUTHENTICATED: ')));
  expect([...alike]).toHaveLength(1);
  return [...alike].join();
}

test('a good one is let in', async () => {
  expect(await toldTo(rs256(rsa.privateKey, good), withKeys)).toBe('ada');
  expect(await toldTo(hs256(SECRET, good), withSecret)).toBe('ada');
});

describe('rule 14.2: where keys come from a set, every door refuses', () => {
  const strangersUrl = (): string => `http://127.0.0.1:${(strangersServer.address() as AddressInfo).port}/keys`;
  const names = hostileTokens(grounds).map(([what]) => what);
  test.each(names)('%s', async (name) => {
    const row = hostileTokens({ ...grounds, strangersUrl: strangersUrl() }).find(([what]) => what === name);
    const [, token = '', why = /^$/] = row ?? [];
    const told = await toldTo(token, withKeys);
    expect(told).toMatch(/^UNAUTHENTICATED: /);
    expect(told.replace(/^UNAUTHENTICATED: /, '')).toMatch(why);
    expect(strangerAsked).toBe(0);
  });

  test('a token longer than 16 KiB, where that much can come in', async () => {
    const told = await DOORS.websocket(withKeys.url, hugeToken(rsa.privateKey));
    expect(told).toBe('4403: The token is too long.');
  });
});

describe('rule 14.2: where there is a secret, every door refuses', () => {
  const [header = '', payload = ''] = hs256(SECRET, good).split('.');
  const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${payload}.`;
  test.each([
    [
      'what is signed with a key of a pair',
      rs256(rsa.privateKey, good),
      'The token is signed in a way not accepted here.',
    ],
    ['alg none', unsigned, 'The token is signed in a way not accepted here.'],
    ['alg HS512', hs256(SECRET, good, { alg: 'HS512' }), 'The token is signed in a way not accepted here.'],
    ['another secret', hs256(`${SECRET} `, good), 'The signature of the token is not valid.'],
    ['the empty secret', hs256('', good), 'The signature of the token is not valid.'],
    [
      'a secret of its own',
      hs256('x', good, { alg: 'HS256', jwk: { kty: 'oct', k: 'eA' } }),
      'The signature of the token is not valid.',
    ],
    ['half a signature', `${header}.${payload}.AAAA`, 'The signature of the token is not valid.'],
    ['no signature', `${header}.${payload}.`, 'The signature of the token is not valid.'],
    [
      'something critical',
      hs256(SECRET, good, { alg: 'HS256', crit: ['x'], x: 1 }),
      'The token is of a kind not accepted here.',
    ],
  ])('%s', async (_, token, why) => expect(await toldTo(token, withSecret)).toBe(`UNAUTHENTICATED: ${why}`));
});

describe('rule 14.1: what a token says is read in one way', () => {
  const signed = (json: string): string => rs256(rsa.privateKey, json);
  const rest = `"iss":"${ISSUER}","aud":"${AUDIENCE}","exp":${nowS + 600}`;
  test.each([
    ['of two claims of one name the last one counts', `{"sub":"eve","sub":"ada",${rest}}`, 'ada'],
    ['a prototype is a claim like any other', `{"__proto__":{"sub":"eve"},"sub":"ada",${rest}}`, 'ada'],
    ['256 characters', `{"sub":"${'x'.repeat(256)}",${rest}}`, 'x'.repeat(256)],
    ['an audience among others', `{"sub":"ada",${rest.replace(`"${AUDIENCE}"`, `["a","${AUDIENCE}"]`)}}`, 'ada'],
    ['an end in fractions of a second', `{"sub":"ada",${rest}.5}`, 'ada'],
    ['an end beyond all numbers', `{"sub":"ada",${rest},"exp":1e999}`, 'ada'],
    ['an issuer whose clock is 4 s ahead', `{"sub":"ada",${rest},"nbf":${nowS + 4}}`, 'ada'],
  ])('%s', async (_, json, who) => expect(await toldTo(signed(json), withKeys)).toBe(who));

  const SYNC = 'mutation { syncFriends(input: { userId: "u", friendIds: [] }) { userId } }';
  test.each([
    ['"presence:admin"', true],
    ['"read presence:admin write"', true],
    ['["presence:admin"]', false],
    ['{"presence:admin":true}', false],
    ['"presence:administrator"', false],
    ['"PRESENCE:ADMIN"', false],
    ['"presence:admin,read"', false],
    ['"presence:*"', false],
    ['true', false],
  ])('rule 14.3: scope %s gives the admin scope: %s', async (scope, admin) => {
    const token = signed(`{"sub":"ada",${rest},"scope":${scope},"admin":true,"scp":["presence:admin"]}`);
    const response = await fetch(`${withKeys.url}/graphql`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ query: SYNC }),
    });
    const { data, errors } = (await response.json()) as { data: unknown; errors?: { extensions: { code: string } }[] };
    if (admin) expect(data).toEqual({ syncFriends: { userId: 'u' } });
    else expect(errors?.map(({ extensions }) => extensions.code)).toEqual(['FORBIDDEN']);
  });
});

test('rule 14.8: no token, and no part of one, is in the log', () => {
  const tokens = hostileTokens(grounds).flatMap(([, token]) => token.split('.').filter((text) => text.length > 20));
  const text = log.join('\n');
  expect(tokens.filter((piece) => text.includes(piece))).toEqual([]);
});
