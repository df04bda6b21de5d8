import { createRemoteJWKSet, errors, type JWTPayload, type JWTVerifyOptions, jwtVerify } from 'jose';
import type { AuthConfig } from '../config.ts';
import { RollcallError, unavailable } from '../errors.ts';
import type { UserId } from '../presence/record.ts';
import type { Clock, Millis } from '../presence/time.ts';
import { MAX_ID_LENGTH } from '../service/api.ts';

/** Who a token speaks for. */
export interface Identity {
  readonly userId: UserId;
  /** Scope presence:admin. */
  readonly admin: boolean;
  /** When the token ends, by the store's clock; null: never. */
  readonly expiresAt: Millis | null;
}

/**
 * Rejects with RollcallError: UNAUTHENTICATED with one sentence on what is wrong with the token, or UNAVAILABLE while
 * the keys to check it with are out of reach.
 */
export type Authenticate = (token: string) => Promise<Identity>;

export const ADMIN_SCOPE = 'presence:admin';

/**
 * How far ahead of ours an issuer's clock may be. The end of a token has no tolerance: sockets are closed at that very
 * moment, and a token that was still accepted then would only bring the client back to be closed again.
 */
const MAX_CLOCK_SKEW_S = 5;

/** Longer tokens are not looked at. Node.js takes 16 KiB of headers by default, a WebSocket message may be longer. */
const MAX_TOKEN_LENGTH = 16_384;

/** Those in which only the issuer can sign. A symmetric one here would make the public keys into secrets. */
const PUBLIC_KEY_ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];

/** Opens nothing: public keys are fetched when the first token comes. */
export function createAuthenticate(config: AuthConfig, clock: Clock): Authenticate {
  const authenticate = config.mode === 'dev' ? authenticateDev : authenticateJwt(config, clock);
  return async (token) => {
    if (token.length > MAX_TOKEN_LENGTH) throw unauthenticated('The token is too long.');
    return await authenticate(token);
  };
}

/** Development: the token is the user id; `admin:<id>` has the admin scope. */
async function authenticateDev(token: string): Promise<Identity> {
  const admin = token.startsWith('admin:');
  const userId = admin ? token.slice('admin:'.length) : token;
  return { userId: checkUserId(userId, 'The token'), admin, expiresAt: null };
}

function authenticateJwt(config: Extract<AuthConfig, { mode: 'jwt' }>, clock: Clock): Authenticate {
  const { key, issuer, audience } = config;
  const verify =
    key.kind === 'secret'
      ? verifyWithSecret(new TextEncoder().encode(key.secret.reveal()))
      : verifyWithKeySet(createRemoteJWKSet(new URL(key.url)));
  return async (token) => {
    const now = clock.now();
    const claims = await verify(token, {
      ...(issuer === null ? {} : { issuer }),
      ...(audience === null ? {} : { audience }),
      currentDate: new Date(now),
      clockTolerance: MAX_CLOCK_SKEW_S,
    }).catch((error: unknown) => {
      throw refusal(error);
    });
    const expiresAt = claims.exp === undefined ? null : claims.exp * 1_000;
    if (expiresAt !== null && expiresAt <= now) throw expired();
    const scope = claims['scope'];
    return {
      userId: checkUserId(claims.sub, "The token's sub"),
      admin: typeof scope === 'string' && scope.split(' ').includes(ADMIN_SCOPE),
      expiresAt,
    };
  };
}

type Verify = (token: string, options: JWTVerifyOptions) => Promise<JWTPayload>;

function verifyWithSecret(secret: Uint8Array): Verify {
  return async (token, options) => (await jwtVerify(token, secret, { ...options, algorithms: ['HS256'] })).payload;
}

function verifyWithKeySet(keys: ReturnType<typeof createRemoteJWKSet>): Verify {
  return async (token, options) =>
    (await jwtVerify(token, keys, { ...options, algorithms: PUBLIC_KEY_ALGORITHMS })).payload;
}

/** What the holder of a token may be told of why it is refused; none of it helps to make a better one. */
function refusal(error: unknown): RollcallError {
  if (error instanceof errors.JWTExpired) return expired();
  if (error instanceof errors.JWSSignatureVerificationFailed || error instanceof errors.JWKSNoMatchingKey) {
    return unauthenticated('The signature of the token is not valid.');
  }
  if (error instanceof errors.JOSEAlgNotAllowed)
    return unauthenticated('The token is signed in a way not accepted here.');
  if (error instanceof errors.JWTClaimValidationFailed) {
    switch (error.claim) {
      case 'iss':
        return unauthenticated('The token is of another issuer.');
      case 'aud':
        return unauthenticated('The token is for another audience.');
      case 'nbf':
        return unauthenticated('The token is not valid yet.');
      default:
        return unauthenticated(`The token's ${error.claim} is not valid.`);
    }
  }
  if (error instanceof errors.JWSInvalid || error instanceof errors.JWTInvalid) {
    return unauthenticated('The token is not a JSON Web Token.');
  }
  if (error instanceof errors.JOSENotSupported) return unauthenticated('The token is of a kind not accepted here.');
  return unavailable('The keys that tokens are checked with are out of reach; try again.', error);
}

function checkUserId(userId: unknown, what: string): UserId {
  const wellFormed = typeof userId === 'string' && !/\p{Surrogate}/u.test(userId);
  if (wellFormed && userId.length >= 1 && userId.length <= MAX_ID_LENGTH) return userId;
  throw unauthenticated(`${what} must be a user id of 1 to ${MAX_ID_LENGTH} characters.`);
}

function expired(): RollcallError {
  return unauthenticated('The token has expired.');
}

function unauthenticated(message: string): RollcallError {
  return new RollcallError('UNAUTHENTICATED', message);
}
