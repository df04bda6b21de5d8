import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import type { AllowedOrigins } from '../config/origins.ts';
import type { Config } from '../config.ts';

const LOCAL = /^https?:\/\/(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/;

/** Which pages may talk to us, and by which names they may find us. */
export interface BrowserRules {
  /** `origin` and `host` are the headers of the request. */
  allowsOrigin(origin: string | undefined, host: string | undefined): boolean;
  /** Why a request is not for us, going by its Host header; null when it may be. */
  hostRefusal(request: IncomingMessage): Refusal | null;
}

/** A status and one line. */
export interface Refusal {
  readonly status: number;
  readonly reason: string;
}

export type RulesConfig = Pick<Config, 'allowedOrigins' | 'auth' | 'host'>;

export function createBrowserRules(config: RulesConfig): BrowserRules {
  const { allowedOrigins, auth } = config;
  // Hardly anybody has two names, so the last one is all that has to be remembered.
  let lastAllowed: string | null = null;
  return {
    allowsOrigin: (origin, host) => isAllowedOrigin(origin, host, allowedOrigins),
    hostRefusal: ({ headers: { host }, httpVersion }) => {
      if (host === undefined) return httpVersion === '1.0' ? null : MISSING_HOST;
      if (host === lastAllowed) return null;
      // Addresses are made of it.
      if (MORE_THAN_HOST.test(host) || !URL.canParse(`http://${host}/`)) return NO_HOST;
      // Where anybody can sign in as anybody, nothing but the way to us keeps strangers out.
      if (auth.mode === 'dev' && !isOurName(host, config)) return WRONG_HOST;
      lastAllowed = host;
      return null;
    },
  };
}

/** What in an address stands beside the host and its port. */
const MORE_THAN_HOST = /[@/?#\\]/;
const MISSING_HOST: Refusal = { status: 400, reason: 'The Host header is missing.' };
const NO_HOST: Refusal = { status: 400, reason: 'The Host header names no host.' };
const WRONG_HOST: Refusal = {
  status: 421,
  reason: 'With the development sign-in only local names lead here, and those that ALLOWED_ORIGINS has.',
};

/** Whoever sends no origin is no browser, or a page that can only read what it could read anyway: one of ours. */
function isAllowedOrigin(origin: string | undefined, host: string | undefined, allowed: AllowedOrigins): boolean {
  if (origin === undefined) return true;
  if (allowed === 'local' ? LOCAL.test(origin) : allowed.includes(origin)) return true;
  // Our own pages, behind whatever name; with the development sign-in `isOurName` has seen that it is ours.
  return host !== undefined && (origin === `http://${host}` || origin === `https://${host}`);
}

/**
 * Whether a name is one that no stranger can have made to lead here. A page of `evil.example` whose address turns into
 * 127.0.0.1 is of our own origin to its browser, and only the Host header tells. Addresses and names without a dot cannot be
 * had from the public DNS.
 */
function isOurName(host: string, { allowedOrigins, host: own }: RulesConfig): boolean {
  const name = nameOf(host);
  if (name === null) return false;
  if (!name.includes('.') || name.endsWith('.localhost') || isIP(name.replace(/^\[|\]$/g, '')) !== 0) return true;
  if (name === own.toLowerCase()) return true;
  return allowedOrigins !== 'local' && allowedOrigins.some((origin) => nameOf(origin.replace(/^.*:\/\//, '')) === name);
}

function nameOf(host: string): string | null {
  return URL.canParse(`http://${host}/`) ? new URL(`http://${host}/`).hostname.replace(/\.$/, '') : null;
}
