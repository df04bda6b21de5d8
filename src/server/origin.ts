import type { AllowedOrigins } from '../config/origins.ts';

const LOCAL = /^https?:\/\/(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/;

/**
 * Whether a page of this origin may talk to us. `origin` is the request's Origin header; whoever sends none is no
 * browser. `host` is its Host header: our own pages may always talk to us, behind whatever name.
 */
export function isAllowedOrigin(
  origin: string | undefined,
  host: string | undefined,
  allowed: AllowedOrigins,
): boolean {
  if (origin === undefined) return true;
  if (allowed === 'local' ? LOCAL.test(origin) : allowed.includes(origin)) return true;
  return host !== undefined && (origin === `http://${host}` || origin === `https://${host}`);
}
