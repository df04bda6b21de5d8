import { createHmac, createPublicKey, type KeyObject, randomBytes, sign as signWith } from 'node:crypto';
import type { JWK } from 'jose';

/** What the server under test trusts, what it wants to read in a token, and what somebody else has. */
export interface Grounds {
  /** Of an RSA key with the kid `rsa` and an elliptic one with the kid `ec`. */
  readonly rsa: { readonly privateKey: KeyObject; readonly jwk: JWK };
  readonly ec: { readonly privateKey: KeyObject; readonly jwk: JWK };
  readonly stranger: { readonly privateKey: KeyObject; readonly jwk: JWK };
  /** An address of the stranger's, which nobody should ask for anything. */
  readonly strangersUrl: string;
  readonly nowS: number;
}

export const ISSUER = 'https://issuer.example';
export const AUDIENCE = 'rollcall';

const part = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

/** Header and claims may be texts, for what is not what `JSON.stringify` makes. */
export function rs256(key: KeyObject, claims: unknown, header: unknown = { alg: 'RS256', kid: 'rsa' }): string {
  const input = `${part(header)}.${Buffer.isBuffer(claims) ? claims.toString('base64url') : part(claims)}`;
  return `${input}.${signWith('sha256', Buffer.from(input), key).toString('base64url')}`;
}

export function hs256(
  secret: string | Buffer,
  claims: unknown,
  header: unknown = { alg: 'HS256', typ: 'JWT' },
): string {
  const input = `${part(header)}.${part(claims)}`;
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
}

export type Row = readonly [what: string, token: string, told: RegExp];

const SIGNATURE = /^The signature of the token is not valid\.$/;
const WAY = /^The token is signed in a way not accepted here\.$/;
const NO_JWT = /^The token is not a JSON Web Token\.$/;
const KIND = /^The token is of a kind not accepted here\.$/;
const SUB = /^The token's sub must be a user id of 1 to 256 characters\.$/;

/** Tokens with which nobody may get in where `rsa` and `ec` are the keys of the set. */
export function hostileTokens(grounds: Grounds): readonly Row[] {
  const { nowS } = grounds;
  const good = { sub: 'ada', iss: ISSUER, aud: AUDIENCE, exp: nowS + 600 };
  return [...forged(grounds, good), ...malformed(grounds, good), ...unfit(grounds, good)];
}

type Claims = Readonly<Record<string, unknown>>;

/** What the issuer has not signed. */
function forged({ rsa, stranger, strangersUrl }: Grounds, good: Claims): readonly Row[] {
  const genuine = rs256(rsa.privateKey, good);
  const [header = '', payload = '', signature = ''] = genuine.split('.');
  const spki = createPublicKey(rsa.privateKey).export({ type: 'spki', format: 'pem' }).toString();
  const none = (alg: string): string => `${part({ alg })}.${part(good)}.`;
  const confused = (secret: string | Buffer, more: object = {}): string =>
    hs256(secret, good, { alg: 'HS256', kid: 'rsa', ...more });
  const theirs = (more: object): string => rs256(stranger.privateKey, good, { alg: 'RS256', ...more });
  const flipped = Buffer.from(signature, 'base64url');
  flipped[0] = (flipped[0] ?? 0) ^ 1;
  return [
    ...['none', 'None', 'NONE', 'nOnE'].map((alg): Row => [`alg ${alg}`, none(alg), WAY]),
    ['alg none with the signature of a good one', `${part({ alg: 'none' })}.${payload}.${signature}`, WAY],
    ['the public key in PEM as the secret of HS256', confused(spki), WAY],
    ['the same without the end of its last line', confused(spki.trim()), WAY],
    ['the public key as JSON as the secret', confused(JSON.stringify(rsa.jwk)), WAY],
    ['its modulus as the secret', confused(Buffer.from(rsa.jwk.n ?? '', 'base64url')), WAY],
    ['the empty secret', confused(''), WAY],
    ['HS256 with a jwk of its own', confused('secret', { jwk: { kty: 'oct', k: part('secret') } }), WAY],
    ['another key, under the name of a good one', theirs({ kid: 'rsa' }), SIGNATURE],
    ['another key, under no name', theirs({}), SIGNATURE],
    ['another key, under its own name', theirs({ kid: 'stranger' }), SIGNATURE],
    ['another key, embedded as jwk', theirs({ jwk: stranger.jwk }), SIGNATURE],
    ['another key, at jku', theirs({ jku: strangersUrl, kid: 'stranger' }), SIGNATURE],
    ['another key, at jku, under the name of a good one', theirs({ jku: strangersUrl, kid: 'rsa' }), SIGNATURE],
    ['another key, at x5u', theirs({ x5u: strangersUrl, kid: 'stranger' }), SIGNATURE],
    ['another key, as x5c', theirs({ x5c: [Buffer.from(spki).toString('base64')], kid: 'stranger' }), SIGNATURE],
    ['a kid that is a path', theirs({ kid: '../../../../dev/null' }), SIGNATURE],
    ['a kid that is a query', theirs({ kid: "x' UNION SELECT 'key" }), SIGNATURE],
    ['a kid that every object has', theirs({ kid: '__proto__' }), SIGNATURE],
    ['the name of the other key', rs256(rsa.privateKey, good, { alg: 'RS256', kid: 'ec' }), SIGNATURE],
    ['the algorithm of the other key', `${part({ alg: 'ES256', kid: 'ec' })}.${payload}.${signature}`, SIGNATURE],
    [
      'a signature of zeros',
      `${part({ alg: 'ES256', kid: 'ec' })}.${payload}.${Buffer.alloc(64).toString('base64url')}`,
      SIGNATURE,
    ],
    ['no signature', `${header}.${payload}.`, SIGNATURE],
    ['one bit of the signature flipped', `${header}.${payload}.${flipped.toString('base64url')}`, SIGNATURE],
    ['other claims', `${header}.${part({ ...good, sub: 'eve' })}.${signature}`, SIGNATURE],
    ['another header', `${part({ alg: 'RS256', kid: 'rsa', typ: 'JWT' })}.${payload}.${signature}`, SIGNATURE],
    ['another hash', rs256(rsa.privateKey, good, { alg: 'RS512', kid: 'rsa' }), SIGNATURE],
  ];
}

/** What is no token as the standard has it, even where the issuer has signed it. */
function malformed({ rsa }: Grounds, good: Claims): readonly Row[] {
  const signed = (header: unknown): string => rs256(rsa.privateKey, good, header);
  const claims = (text: unknown): string => rs256(rsa.privateKey, text);
  const genuine = claims(good);
  const [header = '', payload = '', signature = ''] = genuine.split('.');
  return [
    ['nothing but dots', '..', NO_JWT],
    ['one part', 'ada', NO_JWT],
    ['two parts', `${header}.${payload}`, NO_JWT],
    ['four parts', `${genuine}.x`, NO_JWT],
    [
      'five parts, as if it were encrypted',
      `${part({ alg: 'dir', enc: 'A256GCM' })}..${part('iv')}.${payload}.${part('tag')}`,
      NO_JWT,
    ],
    ['the JSON form', JSON.stringify({ protected: header, payload, signature }), NO_JWT],
    ['a blank within', `${header}. ${payload}.${signature}`, SIGNATURE],
    [
      'the other alphabet of Base64',
      `${header}.${payload}.${Buffer.from(signature, 'base64url').toString('base64')}`,
      NO_JWT,
    ],
    ['a header that is no JSON', signed('{'), NO_JWT],
    ['a header that is a list', signed([]), NO_JWT],
    ['a header that is null', signed('null'), NO_JWT],
    ['no alg', signed({ kid: 'rsa' }), NO_JWT],
    ['alg as a number', signed({ alg: 256, kid: 'rsa' }), NO_JWT],
    ['alg as a list', signed({ alg: ['RS256'], kid: 'rsa' }), NO_JWT],
    ['alg in lower case', signed({ alg: 'rs256', kid: 'rsa' }), WAY],
    ['kid as a number', signed({ alg: 'RS256', kid: 1 }), SIGNATURE],
    ['kid as null', signed({ alg: 'RS256', kid: null }), SIGNATURE],
    ['kid as an object', signed({ alg: 'RS256', kid: {} }), SIGNATURE],
    ['something critical that is not known', signed({ alg: 'RS256', kid: 'rsa', crit: ['x'], x: 1 }), KIND],
    ['exp made critical', signed({ alg: 'RS256', kid: 'rsa', crit: ['exp'], exp: 1 }), KIND],
    ['nothing critical', signed({ alg: 'RS256', kid: 'rsa', crit: [] }), NO_JWT],
    ['crit that is no list', signed({ alg: 'RS256', kid: 'rsa', crit: 'exp' }), NO_JWT],
    ['claims that are not encoded', signed({ alg: 'RS256', kid: 'rsa', crit: ['b64'], b64: false }), NO_JWT],
    ['claims that are a list', claims([]), NO_JWT],
    ['claims that are null', claims('null'), NO_JWT],
    ['claims that are a text', claims('"ada"'), NO_JWT],
    ['claims that are no JSON', claims('{"sub":"ada",}'), NO_JWT],
    ['claims that are not UTF-8', claims(Buffer.from([0x7b, 0xff, 0x7d])), NO_JWT],
    ['claims that are deeper than any', claims('['.repeat(5_000)), NO_JWT],
  ];
}

/** What the issuer has signed, for somebody else, for another time, or for nobody. */
function unfit({ rsa, nowS }: Grounds, good: Claims): readonly Row[] {
  const signed = (claims: object): string => rs256(rsa.privateKey, { ...good, ...claims });
  const text = (json: string): string => rs256(rsa.privateKey, JSON.stringify(good).replace(/\}$/, `,${json}}`));
  return [
    ['expired', signed({ exp: nowS - 1 }), /^The token has expired\.$/],
    ['expired long ago', signed({ exp: -1e15 }), /^The token has expired\.$/],
    ['exp as a text', signed({ exp: `${nowS + 600}` }), /^The token's exp is not valid\.$/],
    ['exp as null', signed({ exp: null }), /^The token's exp is not valid\.$/],
    ['an exp and an earlier one', text(`"exp":${nowS - 1}`), /^The token has expired\.$/],
    ['not valid yet', signed({ nbf: nowS + 3_600 }), /^The token is not valid yet\.$/],
    ['nbf as a text', signed({ nbf: '0' }), /^The token's nbf is not valid\.$/],
    ['iat as a text', signed({ iat: '0' }), /^The token's iat is not valid\.$/],
    ['of another issuer', signed({ iss: 'https://evil.example' }), /^The token is of another issuer\.$/],
    ['of an issuer with a longer name', signed({ iss: `${ISSUER}/` }), /^The token is of another issuer\.$/],
    ['of a list of issuers', signed({ iss: [ISSUER] }), /^The token is of another issuer\.$/],
    ['of no issuer', signed({ iss: undefined }), /^The token is of another issuer\.$/],
    ['for another audience', signed({ aud: 'billing' }), /^The token is for another audience\.$/],
    [
      'for an audience with a longer name',
      signed({ aud: [`${AUDIENCE}-admin`] }),
      /^The token is for another audience\.$/,
    ],
    ['for no audience', signed({ aud: undefined }), /^The token is for another audience\.$/],
    ['for an empty list', signed({ aud: [] }), /^The token is for another audience\.$/],
    ['for an object', signed({ aud: { [AUDIENCE]: true } }), /^The token is for another audience\.$/],
    ['no sub', signed({ sub: undefined }), SUB],
    ['sub as a number', signed({ sub: 7 }), SUB],
    ['sub as null', signed({ sub: null }), SUB],
    ['sub as a list', signed({ sub: ['ada'] }), SUB],
    ['sub as an object', signed({ sub: { toString: 'ada' } }), SUB],
    ['an empty sub', signed({ sub: '' }), SUB],
    ['a sub of 257 characters', signed({ sub: 'x'.repeat(257) }), SUB],
    ['half a character in sub', text('"sub":"ada\\ud83d"'), SUB],
    ['a good sub and then a bad one', text('"sub":""'), SUB],
  ];
}

/** Longer than what is looked at, and shorter than what a WebSocket takes. */
export function hugeToken(rsa: KeyObject): string {
  return rs256(rsa, { sub: 'ada', more: randomBytes(30_000).toString('hex') });
}
