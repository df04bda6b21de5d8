import { ConfigError } from './config-error.ts';

/** Whose pages may talk to us: any page served from this machine, or those of the origins listed. */
export type AllowedOrigins = 'local' | readonly string[];

/**
 * Reads ALLOWED_ORIGINS, origins with commas between them, into the form in which browsers send them. Applications in
 * a shell of their own (`capacitor://localhost`) have origins too.
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
    // Only the schemes of the web have an origin by the standard; of others it is what they say.
    return url.origin === 'null' ? `${url.protocol}//${url.host}` : url.origin;
  }
  throw new ConfigError(
    `ALLOWED_ORIGINS must be a list of origins like https://app.example.com with commas between them; ${JSON.stringify(text)} is none.`,
  );
}
