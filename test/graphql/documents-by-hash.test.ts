import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { Documents, type OperationRequest } from '../../src/graphql/documents.ts';
import { buildSchema } from '../../src/graphql/schema.ts';

const schema = buildSchema();
const ME = '{ viewer { id } }';
const NOBODY = '0'.repeat(64);

const hashOf = (text: string, algorithm = 'sha256'): string => createHash(algorithm).update(text).digest('hex');
const automatic = (sha256Hash: string) => ({ extensions: { persistedQuery: { version: 1, sha256Hash } } });

/** `CODE argument: message`. */
function refusal(documents: Documents, request: OperationRequest): string {
  const { errors = [] } = documents.prepare(request);
  expect(errors).toHaveLength(1);
  const [error] = errors;
  return `${error?.extensions['code']} ${error?.extensions['argument']}: ${error?.message}`;
}

describe('rule 12.1: a document that was run once is known by its SHA-256', () => {
  test.each([
    ['documentId of a SHA-256', { documentId: `sha256:${hashOf(ME)}` }],
    ['documentId without its prefix', { documentId: hashOf(ME) }],
    ['persistedQuery', automatic(hashOf(ME))],
    ['with an empty text', { query: '', ...automatic(hashOf(ME)) }],
    ['with its text', { query: ME, documentId: hashOf(ME) }],
  ])('%s', (_, request) => {
    const documents = new Documents(schema);
    const { document } = documents.prepare({ query: ME });
    expect(document).toBeDefined();
    expect(documents.prepare(request).document).toBe(document);
  });

  test('the hash and the text make it known by the hash', () => {
    const documents = new Documents(schema);
    expect(refusal(documents, automatic(hashOf(ME)))).toBe(
      'PERSISTED_QUERY_NOT_FOUND undefined: PersistedQueryNotFound',
    );
    const { document } = documents.prepare({ query: ME, ...automatic(hashOf(ME)) });
    expect(documents.prepare(automatic(hashOf(ME))).document).toBe(document);
  });

  test('not by the hash of another text, and one that is not valid by none', () => {
    const documents = new Documents(schema);
    const wrong = 'The text that was sent is not the one that this hash stands for.';
    expect(refusal(documents, { query: ME, ...automatic(NOBODY) })).toBe(`BAD_USER_INPUT extensions: ${wrong}`);
    expect(refusal(documents, { query: ME, documentId: NOBODY })).toBe(`BAD_USER_INPUT documentId: ${wrong}`);
    documents.prepare({ query: '{ __typename }' });
    expect(refusal(documents, { query: ME, documentId: hashOf('{ __typename }') })).toBe(
      `BAD_USER_INPUT documentId: ${wrong}`,
    );
    expect(refusal(documents, automatic(NOBODY))).toContain('PERSISTED_QUERY_NOT_FOUND');
    const invalid = '{ nobody }';
    expect(refusal(documents, { query: invalid, ...automatic(hashOf(invalid)) })).toContain('BAD_USER_INPUT query');
    expect(refusal(documents, automatic(hashOf(invalid)))).toContain('PERSISTED_QUERY_NOT_FOUND');
  });

  test.each<[string, OperationRequest, string]>([
    ['a documentId that nobody knows', { documentId: NOBODY }, 'documentId: No document is known by this documentId'],
    ['a documentId that is no text', { documentId: 1 }, 'documentId: documentId must be a string.'],
    ['a persistedQuery of another kind', { extensions: { persistedQuery: 'x' } }, 'extensions: persistedQuery must be'],
    [
      'a persistedQuery of another version',
      { query: ME, extensions: { persistedQuery: { version: 2, sha256Hash: NOBODY } } },
      'extensions: persistedQuery must be',
    ],
    ['a persistedQuery without a hash', { extensions: { persistedQuery: { version: 1 } } }, 'extensions: persisted'],
  ])('%s is refused', (_, request, error) => {
    expect(refusal(new Documents(schema), request)).toContain(`BAD_USER_INPUT ${error}`);
  });

  test('one that was not used for long is forgotten by its hash too', () => {
    const documents = new Documents(schema);
    documents.prepare({ query: ME });
    documents.prepare({ query: '{ __typename }' });
    for (let index = 0; index < 999; index += 1) {
      documents.prepare({ query: `query Q${index} { viewer { id } }` });
      expect(documents.prepare(automatic(hashOf(ME))).document).toBeDefined();
    }
    expect(refusal(documents, automatic(hashOf('{ __typename }')))).toContain('PERSISTED_QUERY_NOT_FOUND');
  });

  test('documents that fill memory push each other out long before a thousand', () => {
    const documents = new Documents(schema);
    const large = (index: number): string => `query Q${index} { users(ids: [${'1 '.repeat(3_900)}]) { id } }`;
    for (let index = 0; index < 100; index += 1) documents.prepare({ query: large(index) });
    expect(documents.prepare({ documentId: hashOf(large(99)) }).document).toBeDefined();
    expect(documents.prepare({ documentId: hashOf(large(0)) }).document).toBeUndefined();
  });
});

describe('rule 12.2: trusted documents', () => {
  test('are known by their id, by their SHA-256 and by their text, and never forgotten', () => {
    const documents = new Documents(schema);
    expect(documents.trust(hashOf(ME, 'md5'), ME)).toEqual([]);
    for (let index = 0; index < 1_001; index += 1) documents.prepare({ query: `query Q${index} { viewer { id } }` });
    const { document } = documents.prepare({ query: ME });
    expect(document).toBeDefined();
    for (const id of [hashOf(ME, 'md5'), hashOf(ME), `sha256:${hashOf(ME)}`]) {
      expect(documents.prepare({ documentId: id }).document).toBe(document);
      expect(documents.prepare(automatic(id.replace('sha256:', ''))).document).toBe(document);
    }
  });

  test('are refused where they are not valid', () => {
    const documents = new Documents(schema);
    expect(documents.trust('id', '{ nobody }').map(({ message }) => message)).toEqual([
      'Cannot query field "nobody" on type "Query".',
    ]);
    expect(documents.prepare({ documentId: 'id' }).errors).toBeDefined();
  });
});

test('rule 12.3: where only trusted documents are run, everything else is refused, by text and by hash', () => {
  const documents = new Documents(schema, { trustedOnly: true });
  documents.trust(hashOf(ME), ME);
  const only = 'This server runs only the documents that it was set up with: send the id of one of them.';
  const other = '{ __typename }';
  expect(documents.prepare({ documentId: hashOf(ME) }).document).toBeDefined();
  expect(documents.prepare({ query: ME }).document).toBeDefined();
  expect(refusal(documents, { query: other })).toBe(`BAD_USER_INPUT query: ${only}`);
  expect(refusal(documents, { query: '' })).toBe(`BAD_USER_INPUT query: ${only}`);
  expect(refusal(documents, { documentId: NOBODY })).toBe(`BAD_USER_INPUT documentId: ${only}`);
  expect(refusal(documents, automatic(NOBODY))).toBe(`BAD_USER_INPUT extensions: ${only}`);
  expect(refusal(documents, { query: other, ...automatic(hashOf(other)) })).toBe(`BAD_USER_INPUT query: ${only}`);
  expect(refusal(documents, { query: other, documentId: hashOf(ME) })).toContain('BAD_USER_INPUT documentId: The text');
});
