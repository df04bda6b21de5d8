import { RollcallError } from '../errors.ts';

/**
 * The token of an HTTP Authorization header; null where there is none. Throws RollcallError UNAUTHENTICATED for a
 * header of another form.
 */
export function tokenFromHeader(header: string | undefined): string | null {
  const value = header?.trim() ?? '';
  if (value === '') return null;
  const token = /^Bearer\s/i.test(value) ? value.slice('Bearer '.length).trimStart() : '';
  if (token === '') {
    throw new RollcallError('UNAUTHENTICATED', 'The Authorization header must be of the form: Bearer <token>.');
  }
  return token;
}

/**
 * Takes the token out of what the library keeps of a WebSocket's greeting: `authorization`, with or without `Bearer `, in any
 * case; null where there is none. Leaves no parameters: they would be kept for as long as the socket is open, a token can be
 * long, and nobody needs them again. Throws RollcallError UNAUTHENTICATED for one that is no text.
 */
export function takeToken(greeting: Greeting): string | null {
  const params = greeting.connectionParams ?? {};
  Object.assign(greeting, { connectionParams: undefined });
  const name = Object.keys(params).find((key) => key.toLowerCase() === 'authorization');
  const value = name === undefined ? null : params[name];
  if (value === null || value === undefined) return null;
  if (typeof value !== 'string') {
    throw new RollcallError(
      'UNAUTHENTICATED',
      'The connection parameter authorization must be a text: Bearer <token>.',
    );
  }
  const token = value.replace(/^\s*Bearer(?:\s+|$)/i, '').trim();
  return token === '' ? null : token;
}

/** What the library of the protocol knows of a connection. */
interface Greeting {
  readonly connectionParams?: Readonly<Record<string, unknown>> | undefined;
}
