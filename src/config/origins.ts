import { ConfigError } from './config-error.ts';

/** Whose pages may talk to us: any page served from this machine, or those of the origins listed. */
export type AllowedOrigins = 'local' | readonly string[];

/** What no browser sends as the origin of a page: these would allow nobody, without a word. */
const NO_ORIGINS: ReadonlySet<string> = new Set([
  'ws:',
  'wss:',
  'ftp:',
  'file:',
  'blob:',
  'data:',
  'javascript:',
  'about:',
]);

/**
 * Reads ALLOWED_ORIGINS, origins with commas between them, into the form in which browsers send them. Applications in
 * a shell of their own (`capacitor://localhost`) have origins too. Each is exact: there are no wildcards, since whoever gets hold
 * of one name of a domain would be let in with it, and `null`, which any sandboxed page has, is none.
 */
export function parseOrigins(value: string): readonly string[] {
  return value
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map(parseOrigin);
}

function parseOrigin(text: string): string {
  if (/^[a-z][a-z0-9+.-]*:\/\/[^\s/?#@*]+\/?$/i.test(text) && URL.canParse(text)) {
    const url = new URL(text);
    if (NO_ORIGINS.has(url.protocol)) throw notAnOrigin(text);
    // Only the schemes of the web have an origin by the standard; of others it is what they say.
    return url.origin === 'null' ? `${url.protocol}//${url.host}` : url.origin;
  }
  throw notAnOrigin(text);
}

function notAnOrigin(text: string): ConfigError {
  return new ConfigError(
    `ALLOWED_ORIGINS must be a list of origins like https://app.example.com with commas between them; ${JSON.stringify(text)} is none.`,
  );
}
