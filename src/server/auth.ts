import type { AuthConfig } from '../config.ts';
import type { Logger } from '../log.ts';
import type { UserId } from '../presence/record.ts';
import type { Clock, Millis } from '../presence/time.ts';
import { MAX_ID_LENGTH } from '../service/api.ts';
import { AcceptedTokens } from './accepted-tokens.ts';
import { KeySet } from './key-set.ts';
import { limitLog } from './limited-log.ts';
import { expired, unauthenticated, type Verify, verifyWithKeySet, verifyWithSecret } from './token-verifier.ts';

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
 * the keys to check it with, or the clock by which it ends, are out of reach.
 */
export type Authenticate = (token: string) => Promise<Identity>;

export interface SignIn {
  readonly authenticate: Authenticate;
  /** False while the keys that tokens are checked with are out of reach: nobody can sign in. */
  ready(): boolean;
  /** Idempotent. */
  close(): void;
}

export const ADMIN_SCOPE = 'presence:admin';

/**
 * How far ahead of ours an issuer's clock may be. The end of a token has no tolerance: a token that was still accepted
 * when the sockets that it has opened are closed would only bring the client back to be closed again.
 */
const MAX_CLOCK_SKEW_S = 5;

/** Longer tokens are not looked at. Node.js takes 16 KiB of headers by default, a WebSocket message may be longer. */
const MAX_TOKEN_LENGTH = 16_384;

/** How many tokens are remembered as accepted: those of so many users with requests over HTTP, in some 20 MB. */
const MAX_ACCEPTED = 100_000;

/** With a JWKS address the keys are fetched from now on until it is closed. */
export function openSignIn(config: AuthConfig, clock: Clock, log: Logger): SignIn {
  if (config.mode === 'dev') return { authenticate: authenticateDev, ready: () => true, close: () => {} };
  const { key } = config;
  if (key.kind === 'secret') {
    const verify = verifyWithSecret(key.secret.reveal());
    const authenticate = authenticateJwt(config, { clock, log, verify, withdrawals: () => 0 });
    return { authenticate, ready: () => true, close: () => {} };
  }
  const set = new KeySet(key.url, log);
  const verify = verifyWithKeySet(set, limitLog(log));
  return {
    authenticate: authenticateJwt(config, { clock, log, verify, withdrawals: () => set.current?.withdrawals ?? null }),
    ready: () => set.current !== null,
    close: () => set.close(),
  };
}

/** Development: the token is the user id; `admin:<id>` has the admin scope. */
async function authenticateDev(token: string): Promise<Identity> {
  const admin = token.startsWith('admin:');
  const userId = admin ? token.slice('admin:'.length) : token;
  return { userId: checkUserId(userId, 'The token'), admin, expiresAt: null };
}

interface Means {
  readonly clock: Clock;
  readonly log: Logger;
  readonly verify: Verify;
  /** Changes when a key is withdrawn; null while no key may be used. Then what was accepted has to be verified again. */
  readonly withdrawals: () => number | null;
}

function authenticateJwt(config: Extract<AuthConfig, { mode: 'jwt' }>, means: Means): Authenticate {
  const { clock, log, verify, withdrawals } = means;
  const { issuer, audience } = config;
  const accepted = new AcceptedTokens<Identity>(MAX_ACCEPTED);
  let acceptedFor: number | null = null;
  let toldOfEndless = false;

  return async (token) => {
    if (token.length > MAX_TOKEN_LENGTH) throw unauthenticated('The token is too long.');
    const now = clock.now();
    const keys = withdrawals();
    if (keys !== acceptedFor) accepted.clear();
    acceptedFor = keys;
    const known = accepted.get(token);
    if (known !== null) {
      if (known.expiresAt === null || known.expiresAt > now) return known;
      accepted.delete(token);
      throw expired();
    }

    const claims = await verify(token, {
      ...(issuer === null ? {} : { issuer }),
      ...(audience === null ? {} : { audience }),
      currentDate: new Date(now),
      clockTolerance: MAX_CLOCK_SKEW_S,
    });
    const expiresAt = claims.exp === undefined ? null : claims.exp * 1_000;
    if (expiresAt !== null && expiresAt <= now) throw expired();
    const scope = claims['scope'];
    const admin = typeof scope === 'string' && scope.split(' ').includes(ADMIN_SCOPE);
    const identity = { userId: checkUserId(claims.sub, "The token's sub"), admin, expiresAt };
    if (expiresAt === null && !toldOfEndless) {
      toldOfEndless = true;
      log.warn({}, 'A token without exp was accepted: whoever gets hold of it can use it for ever. Let tokens end.');
    }
    // Of a key that was withdrawn meanwhile nothing is remembered.
    if (withdrawals() === acceptedFor && keys === acceptedFor) accepted.set(token, identity);
    return identity;
  };
}

function checkUserId(userId: unknown, what: string): UserId {
  const wellFormed = typeof userId === 'string' && !/\p{Surrogate}/u.test(userId);
  if (wellFormed && userId.length >= 1 && userId.length <= MAX_ID_LENGTH) return userId;
  throw unauthenticated(`${what} must be a user id of 1 to ${MAX_ID_LENGTH} characters.`);
}
