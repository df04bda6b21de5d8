import { getIntrospectionQuery } from 'graphql';
import { describe, expect, test } from 'vitest';
import { Documents } from '../../src/graphql/documents.ts';
import { buildSchema } from '../../src/graphql/schema.ts';
import { DEFAULT_BOUNDS, MAX_FRAGMENTS, MAX_LOADS, MAX_TOKENS } from '../../src/graphql/selection-bounds.ts';

const schema = buildSchema();
const documents = new Documents(schema);
const { depth: MAX_DEPTH, fields: MAX_FIELDS, cost: MAX_COST } = DEFAULT_BOUNDS;

function refusal(query: string, operationName?: string): string[] {
  const prepared = documents.prepare({ query, operationName });
  if (!prepared.errors) throw new Error('not refused');
  return prepared.errors.map(({ message, extensions }) => `${extensions['argument']}: ${message}`);
}

describe('prepare', () => {
  test('gives the document and the operation asked for', () => {
    const query = 'query A { viewer { id } } mutation B { endSession(input: { sessionId: "s" }) { viewer { id } } }';
    expect(documents.prepare({ query, operationName: 'A' }).operation?.operation).toBe('query');
    expect(documents.prepare({ query, operationName: 'B' }).operation?.operation).toBe('mutation');
    expect(documents.prepare({ query: '{ viewer { id } }', operationName: null }).operation?.operation).toBe('query');
  });

  test('says which operation is missing', () => {
    const two = 'query A { viewer { id } } query B { viewer { id } }';
    expect(refusal(two)).toEqual([
      'operationName: Say with operationName which of the operations in the document to run.',
    ]);
    expect(refusal(two, 'C')).toEqual(['operationName: The document holds no operation named "C".']);
    expect(refusal('fragment F on User { id }')).not.toEqual([]);
  });

  test('refuses what is not valid, with ten errors at most', () => {
    expect(refusal('{ nobody }')).toEqual(['query: Cannot query field "nobody" on type "Query".']);
    expect(refusal('')).toEqual(['query: Syntax Error: Unexpected <EOF>.']);
    const wrong = Array.from({ length: 50 }, (_, index) => `wrong${index}`).join(' ');
    expect(refusal(`{ ${wrong} }`).length).toBeLessThanOrEqual(11);
  });

  test('remembers a valid document by its text, for one server', () => {
    const query = '{ viewer { id } }';
    const { document } = documents.prepare({ query });
    expect(document).toBeDefined();
    expect(documents.prepare({ query }).document).toBe(document);
    expect(new Documents(schema).prepare({ query }).document).not.toBe(document);
  });

  test('forgets the documents that were used longest ago, a thousand being remembered', () => {
    const own = new Documents(schema);
    const nth = (index: number) => own.prepare({ query: `query Q${index} { viewer { id } }` }).document;
    const first = nth(0);
    const second = nth(1);
    for (let index = 2; index < 1_000; index += 1) nth(index);
    expect(nth(0)).toBe(first);
    nth(1_000);
    expect(nth(0)).toBe(first);
    expect(nth(1)).not.toBe(second);
  });
});

describe('the bounds on operations', () => {
  const introspection = getIntrospectionQuery({
    specifiedByUrl: true,
    directiveIsRepeatable: true,
    schemaDescription: true,
    inputValueDeprecation: true,
    oneOf: true,
  });

  test('let tools introspect', () => {
    expect(documents.prepare({ query: introspection }).errors).toBeUndefined();
  });

  test('let an operation load as much as they say, and no more', () => {
    const users = (count: number): string =>
      `{ ${Array.from({ length: count }, (_, index) => `u${index}: user(id: "${index}") { id }`).join(' ')} }`;
    expect(documents.prepare({ query: users(MAX_LOADS) }).errors).toBeUndefined();
    const bound = `query: An operation may hold at most ${MAX_LOADS} root fields and fields that take arguments.`;
    expect(refusal(users(MAX_LOADS + 1))).toEqual([bound]);
    const pages = Array.from({ length: MAX_LOADS }, (_, index) => `p${index}: friends { totalCount }`).join(' ');
    expect(refusal(`{ viewer { ${pages} } }`)).toEqual([bound]);
    expect(refusal(`{ viewer { ...P } } fragment P on Viewer { ... on Viewer { ${pages} } }`)).toEqual([bound]);
  });

  test('bound the fields that fragments spread out to', () => {
    const fields = Array.from({ length: 100 }, (_, index) => `f${index}: id`).join(' ');
    const spread = Array.from({ length: 10 }, () => '...F').join(' ');
    const query = `{ viewer { ...G } } fragment F on Viewer { ${fields} } fragment G on Viewer { ${spread} }`;
    expect(refusal(query)).toEqual([`query: An operation may select at most ${MAX_FIELDS} fields.`]);
  });

  const pages = (first: string, fields: number): string => {
    const names = Array.from({ length: fields }, (_, index) => `f${index}: id`).join(' ');
    return `query ($n: Int) { viewer { friends(first: ${first}) { nodes { ${names} } } } }`.replace(
      first === '$n' ? '' : 'query ($n: Int) ',
      '',
    );
  };
  const costs = (cost: number): string =>
    `query: An operation may cost at most ${MAX_COST}, and this one costs ${cost}: ` +
    'select fewer fields of lists, or write smaller pages into the document.';

  test.each([
    ['a page as large as can be', pages('500', 101), 3 + 500 * 101],
    ['a page beyond that', pages('100000', 101), 3 + 500 * 101],
    ['a page by a variable', pages('$n', 101), 3 + 500 * 101],
    [
      'a page beside one of a negative size',
      pages('500', 101).replace('friends', 'a: friends(first: -2147483648) { nodes { id } } friends'),
      5 + 500 * 101,
    ],
    [
      'fragments',
      `${pages('500', 51).replace('nodes {', 'nodes { ...F')} fragment F on User { ${'id '.repeat(50)} }`,
      3 + 500 * 101,
    ],
    ['people by a variable', `query ($ids: [ID!]!) { users(ids: $ids) { ${'id '.repeat(101)} } }`, 1 + 500 * 101],
    ['a subscription', `subscription { friendsPresence { changes { ${'id '.repeat(101)} } } }`, 2 + 500 * 101],
    ['sessions', `{ viewer { sessions { ${'id '.repeat(101)} } } }`, 2 + 500 * 101],
  ])('bound the cost: %s', (_, query, cost) => {
    expect(refusal(query)).toEqual([costs(cost)]);
  });

  test('bound what is said for each entry', () => {
    const asks = (length: number): string => `{ viewer { ${'a'.repeat(length)}: id } }`;
    expect(refusal(asks(101))).toEqual(['query: An alias may have at most 100 characters.']);
  });

  test.each([
    ['an alias as long as can be', `{ viewer { ${'a'.repeat(100)}: id } }`],
    ['a small page', pages('50', 480)],
    ['the page of default size', `{ viewer { friends { nodes { ${'id '.repeat(480)} } } } }`],
    ['a few people', `{ users(ids: ["a", "b"]) { ${'id '.repeat(480)} } }`],
    ['a large page with few fields', pages('500', 99)],
  ])('let pass: %s', (_, query) => {
    expect(documents.prepare({ query }).errors).toBeUndefined();
  });

  test('are what they are set to', () => {
    const strict = new Documents(schema, { bounds: { depth: 2, fields: 3, cost: 100 } });
    const wrong = (query: string): string[] => (strict.prepare({ query }).errors ?? []).map(({ message }) => message);
    expect(wrong('{ viewer { id } }')).toEqual([]);
    expect(wrong('{ viewer { presence { status } } }')).toEqual(['An operation may nest fields at most 2 deep.']);
    expect(wrong('{ viewer { a: id b: id c: id } }')).toEqual(['An operation may select at most 3 fields.']);
    expect(wrong('{ viewer { sessions { id } } }')).toContainEqual(
      expect.stringContaining('at most 100, and this one'),
    );
  });

  test('bound the comments of a document', () => {
    expect(refusal(`${'#\n'.repeat(1_001)}{ viewer { id } }`)[0]).toContain(
      'query: Syntax Error: Document contains more',
    );
  });

  test('bound the fragments of a document', () => {
    const spread = (count: number): string => {
      const names = Array.from({ length: count }, (_, index) => `F${index}`);
      const fragments = names.map((name) => `fragment ${name} on Viewer { id }`);
      return `{ viewer { ${names.map((name) => `...${name}`).join(' ')} } } ${fragments.join(' ')}`;
    };
    expect(documents.prepare({ query: spread(MAX_FRAGMENTS) }).errors).toBeUndefined();
    expect(refusal(spread(MAX_FRAGMENTS + 1))).toEqual([
      `query: A document may define at most ${MAX_FRAGMENTS} fragments.`,
    ]);
  });

  test('bound the depth', () => {
    const ofType = 'ofType { '.repeat(MAX_DEPTH);
    const query = `{ __type(name: "User") { ${ofType} name ${'}'.repeat(MAX_DEPTH)} } }`;
    expect(refusal(query)).toEqual([`query: An operation may nest fields at most ${MAX_DEPTH} deep.`]);
  });

  test('bound the length of a document', () => {
    expect(refusal(`{ ${'id '.repeat(MAX_TOKENS)} }`)[0]).toContain('query: Syntax Error: Document contains more');
  });

  test('let nothing be nested deeper than the stack is', () => {
    const reported: unknown[] = [];
    const ask = (query: string): string[] => {
      const prepared = documents.prepare({ query }, (error) => void reported.push(error));
      return (prepared.errors ?? []).map(({ message, extensions }) => `${extensions['argument']}: ${message}`);
    };
    expect(ask(`{ user(id: ${'['.repeat(3_900)}) { id } }`)).toEqual(['query: The document is nested too deeply.']);
    const nest = (open: string, middle: string, close: string): string =>
      `${open.repeat(1_300)}${middle}${close.repeat(1_300)}`;
    for (const query of [
      `{ user(id: ${nest('[', '1', ']')}) { id } }`,
      `{ user(id: ${nest('{a:', '1', '}')}) { id } }`,
      `query ($ids: ${nest('[', 'ID', ']')}) { users(ids: $ids) { id } }`,
      nest('{a', '', '}'),
    ]) {
      const errors = ask(query);
      expect(errors).not.toEqual([]);
      for (const error of errors) expect(error).toMatch(/^query: /);
    }
    expect(reported).toEqual([]);
  });

  test('come to an end where fragments run in circles', () => {
    const circle = '{ viewer { ...A } } fragment A on Viewer { id ...B } fragment B on Viewer { id ...A }';
    expect(refusal(circle)).toEqual(['query: Cannot spread fragment "A" within itself via "B".']);
  });
});
