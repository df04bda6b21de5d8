import { createHash } from 'node:crypto';
import { badInput } from '../errors.ts';
import { isObject } from './json.ts';

/** How a request names its document instead of, or beside, sending its text. */
export interface DocumentId {
  /** As documents are known by: of a SHA-256 only its hexadecimal digits. */
  readonly id: string;
  /** Where in the request it stands. */
  readonly argument: 'documentId' | 'extensions';
}

export interface DocumentIdSource {
  /** As in the appendix on persisted documents of GraphQL over HTTP. */
  readonly documentId?: unknown;
  /** May hold the `persistedQuery` of automatic persisted queries. */
  readonly extensions?: unknown;
}

/** What comes before the digits of a SHA-256 in a `documentId`; it may be left out. */
const PREFIX = 'sha256:';
/** The one version of the extension that there has ever been. */
const VERSION = 1;

/** Null where the request names none. `documentId` goes first. Throws BAD_USER_INPUT where it is malformed. */
export function documentIdOf({ documentId, extensions }: DocumentIdSource): DocumentId | null {
  if (documentId !== undefined && documentId !== null) {
    if (typeof documentId !== 'string') throw badInput('documentId', 'documentId must be a string.');
    return { id: bareId(documentId), argument: 'documentId' };
  }
  const persistedQuery = isObject(extensions) ? extensions['persistedQuery'] : undefined;
  if (persistedQuery === undefined || persistedQuery === null) return null;
  const hash = isObject(persistedQuery) && persistedQuery['version'] === VERSION ? persistedQuery['sha256Hash'] : null;
  if (typeof hash === 'string') return { id: hash, argument: 'extensions' };
  throw badInput(
    'extensions',
    `persistedQuery must be {"version": ${VERSION}, "sha256Hash": "<64 hexadecimal digits>"}.`,
  );
}

/** Without the prefix of a SHA-256. */
export function bareId(id: string): string {
  return id.startsWith(PREFIX) ? id.slice(PREFIX.length) : id;
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
