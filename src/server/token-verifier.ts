import { errors, type JWTPayload, type JWTVerifyOptions, jwtVerify } from 'jose';
import { RollcallError } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { KeySet, Keys } from './key-set.ts';

/**
 * Resolves with the claims of a token whose signature and registered claims are valid. Rejects with RollcallError:
 * UNAUTHENTICATED with one sentence on what is wrong with the token, or UNAVAILABLE while the keys are out of reach.
 */
export type Verify = (token: string, options: JWTVerifyOptions) => Promise<JWTPayload>;

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

export function verifyWithSecret(secret: string): Verify {
  let imported: Promise<CryptoKey> | null = null;
  return async (token, options) => {
    imported ??= crypto.subtle.importKey(
      'raw',
      new TextEncoder().encode(secret),
      { name: 'HMAC', hash: 'SHA-256' },
      false,
      ['verify'],
    );
    const key = await imported;
    try {
      return (await jwtVerify(token, key, { ...options, algorithms: ['HS256'] })).payload;
    } catch (error) {
      throw refusal(error) ?? error;
    }
  };
}

/** A token that none of the known keys has signed has newer ones looked for, as `KeySet.newerThan` does. */
export function verifyWithKeySet(set: KeySet, log: Logger): Verify {
  return async (token, options) => {
    let keys: Keys | null = await set.keys();
    for (;;) {
      try {
        return await verifyAmong(keys, token, { ...options, algorithms: PUBLIC_KEY_ALGORITHMS });
      } catch (error) {
        keys = error instanceof UnknownKey ? await set.newerThan(keys) : null;
        if (keys !== null) continue;
        const refused = refusal(error instanceof UnknownKey ? error.cause : error);
        if (refused !== null) throw refused;
        // It was picked from the set, so that it is the issuer who named it.
        log.warn({ err: error }, 'a key of the key set cannot be used');
        throw unauthenticated('The token is signed with a key that cannot be used here.');
      }
    }
  };
}

/** The token's key is not among those known. */
class UnknownKey extends Error {}

async function verifyAmong({ find }: Keys, token: string, options: JWTVerifyOptions): Promise<JWTPayload> {
  let named = true;
  try {
    const { payload } = await jwtVerify(
      token,
      (header, jws) => {
        named = header.kid !== undefined;
        return find(header, jws);
      },
      options,
    );
    return payload;
  } catch (error) {
    if (error instanceof errors.JWKSMultipleMatchingKeys) return await verifyWithEach(error, token, options);
    // A token that names no key may be signed with one that has taken the place of the only one known.
    const unknown = !named && error instanceof errors.JWSSignatureVerificationFailed;
    if (unknown || error instanceof errors.JWKSNoMatchingKey) throw new UnknownKey(undefined, { cause: error });
    throw error;
  }
}

/** The token does not say which of several keys it is signed with. */
async function verifyWithEach(
  candidates: errors.JWKSMultipleMatchingKeys,
  token: string,
  options: JWTVerifyOptions,
): Promise<JWTPayload> {
  let last: unknown = candidates;
  for await (const key of candidates) {
    try {
      return (await jwtVerify(token, key, options)).payload;
    } catch (error) {
      // Keys that cannot be used are passed over where another one may do.
      if (error instanceof errors.JOSEError && !(error instanceof errors.JWSSignatureVerificationFailed)) throw error;
      last = error;
    }
  }
  if (last instanceof errors.JWSSignatureVerificationFailed) throw new UnknownKey(undefined, { cause: last });
  throw last;
}

/** What the holder of a token may be told of why it is refused, none of which helps to make a better one; null if not the token is at fault. */
function refusal(error: unknown): RollcallError | null {
  if (error instanceof errors.JWTExpired) return expired();
  if (error instanceof errors.JWSSignatureVerificationFailed || error instanceof errors.JWKSNoMatchingKey) {
    return unauthenticated('The signature of the token is not valid.');
  }
  if (error instanceof errors.JOSEAlgNotAllowed) {
    return unauthenticated('The token is signed in a way not accepted here.');
  }
  if (error instanceof errors.JWTClaimValidationFailed) {
    switch (error.claim) {
      case 'iss':
        return unauthenticated('The token is of another issuer.');
      case 'aud':
        return unauthenticated('The token is for another audience.');
      case 'nbf':
        return unauthenticated(
          error.reason === 'invalid' ? "The token's nbf is not valid." : 'The token is not valid yet.',
        );
      default:
        return unauthenticated(`The token's ${error.claim} is not valid.`);
    }
  }
  if (error instanceof errors.JWSInvalid || error instanceof errors.JWTInvalid) {
    return unauthenticated('The token is not a JSON Web Token.');
  }
  if (error instanceof errors.JOSENotSupported) return unauthenticated('The token is of a kind not accepted here.');
  return null;
}

export function expired(): RollcallError {
  return unauthenticated('The token has expired.');
}

export function unauthenticated(message: string): RollcallError {
  return new RollcallError('UNAUTHENTICATED', message);
}
