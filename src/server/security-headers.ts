import type { ServerResponse } from 'node:http';

/**
 * What every answer says to browsers: take it for what it says it is, run and frame nothing of it, tell nobody of its
 * address, keep it nowhere, and give it to no page that does not ask by CORS. Whether all is encrypted is known to the proxy that does it,
 * so Strict-Transport-Security is left to that.
 */
export const SECURITY_HEADERS = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  // Who is here is over in a moment, and is nobody else's business.
  'cache-control': 'no-store',
} as const;

const ENTRIES = Object.entries(SECURITY_HEADERS);

/** To be called first: pages and streams then say otherwise. */
export function setSecurityHeaders(response: ServerResponse): void {
  for (const [name, value] of ENTRIES) response.setHeader(name, value);
}

/**
 * What a page of ours says instead. `scripts` are the sources that may run, hashes of what is in the page. Styles may be
 * anything in the page: editors make theirs while they run. Nothing is loaded from, or sent to, anywhere but us.
 */
export function pageHeaders(scripts: readonly string[]): Readonly<Record<string, string>> {
  return {
    'content-security-policy': [
      "default-src 'none'",
      `script-src ${scripts.join(' ')}`,
      "style-src 'unsafe-inline'",
      'img-src data:',
      'font-src data:',
      'worker-src blob:',
      "connect-src 'self'",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ].join('; '),
    // Of browsers that do not know frame-ancestors.
    'x-frame-options': 'DENY',
    'cross-origin-opener-policy': 'same-origin',
  };
}
