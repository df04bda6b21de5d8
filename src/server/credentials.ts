import { RollcallError } from '../errors.ts';

/**
 * The token of an HTTP Authorization header; null where there is none. Throws RollcallError UNAUTHENTICATED for a
 * header of another form.
 */
export function tokenFromHeader(header: string | undefined): string | null {
  if (header === undefined || header.trim() === '') return null;
  const token = /^\s*Bearer\s+(\S.*?)\s*$/i.exec(header)?.[1];
  if (token === undefined) {
    throw new RollcallError('UNAUTHENTICATED', 'The Authorization header must be of the form: Bearer <token>.');
  }
  return token;
}

/**
 * The token of a WebSocket's connection parameters, `authorization` with or without `Bearer `, in any case; null where
 * there is none. Throws RollcallError UNAUTHENTICATED for one that is no text.
 */
export function tokenFromConnectionParams(params: Readonly<Record<string, unknown>> | undefined): string | null {
  const name = Object.keys(params ?? {}).find((key) => key.toLowerCase() === 'authorization');
  const value = name === undefined ? null : params?.[name];
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
