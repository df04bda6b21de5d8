import { readdirSync, readFileSync } from 'node:fs';
import {
  buildSchema as buildFromSDL,
  type GraphQLNamedType,
  isEnumType,
  isInputObjectType,
  isObjectType,
  Kind,
  parse,
  print,
  specifiedRules,
  validate,
  visit,
} from 'graphql';
import { describe, expect, test } from 'vitest';
import { printSortedSchema } from '../../src/graphql/print.ts';
import { buildSchema } from '../../src/graphql/schema.ts';
import { DEFAULT_BOUNDS, selectionBoundsRule } from '../../src/graphql/selection-bounds.ts';

const schema = buildSchema();

/** One line a definition: type, field, argument, default and nullability, but no words about them. */
function shape(sdl: string): string {
  const bare = visit(parse(sdl), {
    enter: (node) => ('description' in node ? { ...node, description: undefined } : undefined),
  });
  return print(bare);
}

function describedParts(type: GraphQLNamedType): [string, string | null | undefined][] {
  const parts: [string, string | null | undefined][] = [[type.name, type.description]];
  if (isEnumType(type)) {
    for (const value of type.getValues()) parts.push([`${type.name}.${value.name}`, value.description]);
  }
  if (isObjectType(type) || isInputObjectType(type)) {
    for (const field of Object.values(type.getFields())) {
      parts.push([`${type.name}.${field.name}`, field.description]);
      if (!('args' in field)) continue;
      for (const arg of field.args) parts.push([`${type.name}.${field.name}(${arg.name}:)`, arg.description]);
    }
  }
  return parts;
}

describe('the schema', () => {
  test('has exactly the names, arguments, defaults and nullability of the contract', () => {
    const contract = readFileSync(new URL('contract.graphql.txt', import.meta.url), 'utf8');
    expect(shape(printSortedSchema(schema))).toBe(shape(printSortedSchema(buildFromSDL(contract))));
  });

  test('describes every type, field, argument, input field and enum value', () => {
    const own = Object.values(schema.getTypeMap()).filter(
      ({ name }) => !name.startsWith('__') && !['String', 'ID', 'Int', 'Boolean'].includes(name),
    );
    const parts = own.flatMap(describedParts);
    expect(parts.length).toBeGreaterThan(150);
    expect(parts.filter(([, description]) => !description?.trim()).map(([name]) => name)).toEqual([]);
  });

  test('is what schema/schema.graphql says', () => {
    const file = readFileSync(new URL('../../schema/schema.graphql', import.meta.url), 'utf8');
    expect(file, 'run: npm run schema').toBe(printSortedSchema(schema));
  });

  test('is built anew, and alike, by every call', () => {
    expect(buildSchema()).not.toBe(schema);
    expect(printSortedSchema()).toBe(printSortedSchema(schema));
  });
});

describe('the documents in schema/operations', () => {
  const folder = new URL('../../schema/operations/', import.meta.url);
  const documents = parse(
    readdirSync(folder)
      .map((file) => readFileSync(new URL(file, folder), 'utf8'))
      .join('\n'),
  );

  test('are valid and within the bounds on operations', () => {
    expect(validate(schema, documents, [...specifiedRules, selectionBoundsRule(DEFAULT_BOUNDS)]).map(String)).toEqual(
      [],
    );
  });

  test('use every root field', () => {
    const used = new Set<string>();
    for (const definition of documents.definitions) {
      if (definition.kind !== Kind.OPERATION_DEFINITION) continue;
      for (const selection of definition.selectionSet.selections) {
        if (selection.kind === Kind.FIELD) used.add(`${definition.operation}.${selection.name.value}`);
      }
    }
    const all = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()].flatMap((type) =>
      Object.keys(type?.getFields() ?? {}).map((field) => `${type?.name.toLowerCase()}.${field}`),
    );
    expect(all).toHaveLength(17);
    expect([...used].sort()).toEqual(all.sort());
  });
});
