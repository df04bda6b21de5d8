import { isLoopback } from '../config/sign-in-keys.ts';
import type { Config } from '../config.ts';

/** What is allowed, and lets in more people than an operator may have had in mind: one line each. */
export function openDoors({ auth, host }: Config): readonly string[] {
  if (auth.mode === 'dev') {
    if (isLoopback(host)) return [];
    return [
      `Development sign-in on HOST ${host}: whoever reaches this port can be anyone. Set JWT_SECRET or JWKS_URL, or NODE_ENV=production.`,
    ];
  }
  if (auth.key.kind === 'secret' || auth.audience !== null) return [];
  return [
    'JWT_AUDIENCE is not set: every token that a key of JWKS_URL has signed lets its holder in, those made for other services too.',
  ];
}
