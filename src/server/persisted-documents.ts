import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { GraphQLSchema } from 'graphql';
import { ConfigError, type PersistedDocumentsConfig } from '../config.ts';
import { bareId } from '../graphql/document-id.ts';
import { Documents } from '../graphql/documents.ts';
import { isObject } from '../graphql/json.ts';
import type { SelectionBounds } from '../graphql/selection-bounds.ts';

/** By how many hexadecimal digits they have. Some tools still name documents by the older two. */
const ALGORITHMS: Readonly<Record<number, string>> = { 64: 'sha256', 40: 'sha1', 32: 'md5' };

/**
 * The documents of a server, with those of the file known from the start. Throws ConfigError with one line where the file
 * cannot be read, is of another form, or holds a document that is not what its id says or that could not be run.
 */
export async function openDocuments(
  schema: GraphQLSchema,
  config: PersistedDocumentsConfig,
  bounds: SelectionBounds,
): Promise<Documents> {
  const documents = new Documents(schema, { trustedOnly: config.only, bounds });
  if (config.file === null) return documents;
  const refuse = (what: string): ConfigError => new ConfigError(`PERSISTED_DOCUMENTS: ${config.file} ${what}`);
  const entries = parseFile(await read(config.file, refuse), refuse);
  if (entries.length === 0) throw refuse('holds no documents.');
  for (const [key, text] of entries) {
    const id = bareId(key);
    const algorithm = /^[0-9a-f]+$/.test(id) ? ALGORITHMS[id.length] : undefined;
    if (algorithm === undefined || (id !== key && algorithm !== 'sha256')) {
      throw refuse(`has ${quote(key)} in it, which is no SHA-256, SHA-1 or MD5 in hexadecimal digits.`);
    }
    if (createHash(algorithm).update(text).digest('hex') !== id) {
      throw refuse(`has a document under ${quote(key)} that is not the one with this hash.`);
    }
    const [error] = documents.trust(id, text);
    if (error) throw refuse(`has a document under ${quote(key)} that cannot be run: ${oneLine(error.message)}`);
  }
  return documents;
}

type Refuse = (what: string) => ConfigError;

async function read(file: string, refuse: Refuse): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw refuse(`cannot be read: ${REASONS[code] ?? code}.`);
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'this user may not read it',
  EISDIR: 'it is a folder',
};

/** `{ id: text }` as graphql-codegen and Relay write it, or the manifest of Apollo's tools. */
function parseFile(json: string, refuse: Refuse): readonly (readonly [id: string, text: string])[] {
  let content: unknown;
  try {
    content = JSON.parse(json);
  } catch (error) {
    throw refuse(`is not JSON: ${oneLine(error instanceof Error ? error.message : String(error))}.`);
  }
  if (!isObject(content)) throw refuse('must hold an object of documents by their hash.');
  if (content['format'] === 'apollo-persisted-query-manifest' && Array.isArray(content['operations'])) {
    return content['operations'].map((operation: unknown) => {
      if (!isObject(operation) || typeof operation['id'] !== 'string' || typeof operation['body'] !== 'string') {
        throw refuse('is a manifest with an operation in it that lacks its id or its body.');
      }
      return [operation['id'], operation['body']];
    });
  }
  return Object.entries(content).map(([id, text]) => {
    if (typeof text !== 'string') throw refuse(`has something under ${quote(id)} that is not the text of a document.`);
    return [id, text];
  });
}

function quote(id: string): string {
  return JSON.stringify(id.length <= 80 ? id : `${id.slice(0, 79)}…`);
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ');
}
