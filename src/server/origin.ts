import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import type { AllowedOrigins } from '../config/origins.ts';
import type { Config } from '../config.ts';

const LOCAL = /^https?:\/\/(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/;

/** Which pages may talk to us, and by which names they may find us. */
export interface BrowserRules {
  /** `origin` and `host` are the headers of the request. */
  allowsOrigin(origin: string | undefined, host: string | undefined): boolean;
  allowsHost(host: string): boolean;
}

export type RulesConfig = Pick<Config, 'allowedOrigins' | 'auth' | 'host'>;

export function createBrowserRules(config: RulesConfig): BrowserRules {
  const { allowedOrigins, auth } = config;
  return {
    allowsOrigin: (origin, host) => isAllowedOrigin(origin, host, allowedOrigins),
    // Where anybody can sign in as anybody, nothing but the way to us keeps strangers out.
    allowsHost: auth.mode === 'dev' ? (host) => isOurName(host, config) : () => true,
  };
}

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

/** Why a request is not for us, going by its Host header; null when it may be. */
export function hostRefusal(
  rules: BrowserRules,
  { headers: { host }, httpVersion }: IncomingMessage,
): { readonly status: number; readonly reason: string } | null {
  if (host === undefined) {
    return httpVersion === '1.0' ? null : { status: 400, reason: 'The Host header is missing.' };
  }
  // Addresses are made of it.
  if (!URL.canParse(`http://${host}/`)) return { status: 400, reason: 'The Host header names no host.' };
  if (rules.allowsHost(host)) return null;
  const reason =
    'With the development sign-in only local names lead here; others by ALLOWED_ORIGINS, as http://name:port.';
  return { status: 421, reason };
}
