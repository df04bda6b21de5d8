import {
  GraphQLBoolean,
  type GraphQLEnumType,
  GraphQLID,
  type GraphQLInputObjectType,
  type GraphQLInputType,
  GraphQLInt,
  GraphQLString,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
} from 'graphql';

/** Stands for a value that the library has to look at: it is wrong, or right in an unusual way. */
export const UNUSUAL = Symbol('unusual');

/** What the library's own coercion makes of a value, or UNUSUAL. Never throws. */
export type Coerce = (value: unknown) => unknown;

/** How values of this type are taken in that come the way in which most of them do. */
export function compileInput(type: GraphQLInputType): Coerce {
  if (isNonNullType(type)) {
    const coerce = compileInput(type.ofType);
    return (value) => (value === null || value === undefined ? UNUSUAL : coerce(value));
  }
  if (isListType(type)) return orNull(listOf(compileInput(type.ofType)));
  if (isInputObjectType(type)) return orNull(objectOf(type));
  if (isEnumType(type)) return orNull(oneOf(type));
  if (type === GraphQLID || type === GraphQLString) return orNull((value) => (isString(value) ? value : UNUSUAL));
  if (type === GraphQLBoolean) return orNull((value) => (typeof value === 'boolean' ? value : UNUSUAL));
  if (type === GraphQLInt) return orNull((value) => (isInt(value) ? value : UNUSUAL));
  return (value) => (value === null ? null : UNUSUAL);
}

export function isInt(value: unknown): value is number {
  return typeof value === 'number' && (value | 0) === value;
}

function isString(value: unknown): value is string {
  return typeof value === 'string';
}

function orNull(coerce: Coerce): Coerce {
  return (value) => (value === null ? null : coerce(value));
}

function oneOf(type: GraphQLEnumType): Coerce {
  const values = new Map(type.getValues().map(({ name, value }) => [name, value as unknown]));
  return (name) => (isString(name) && values.has(name) ? values.get(name) : UNUSUAL);
}

function listOf(coerce: Coerce): Coerce {
  return (list) => {
    if (!Array.isArray(list)) return UNUSUAL;
    const coerced = list.map(coerce);
    return coerced.includes(UNUSUAL) ? UNUSUAL : coerced;
  };
}

function objectOf(type: GraphQLInputObjectType): Coerce {
  // A type may hold itself: its fields are compiled when the first value comes.
  let fields: readonly InputField[] | null = null;
  const names = new Set(Object.keys(type.getFields()));
  return (object) => {
    if (type.isOneOf || typeof object !== 'object' || object === null || Array.isArray(object)) return UNUSUAL;
    for (const name in object) if (!names.has(name)) return UNUSUAL;
    fields ??= fieldsOf(type);
    const coerced: Record<string, unknown> = {};
    for (const { name, coerce, fallback } of fields) {
      const given = (object as Readonly<Record<string, unknown>>)[name];
      const value = given === undefined ? fallback : coerce(given);
      if (value === UNUSUAL) return UNUSUAL;
      if (value !== undefined) coerced[name] = value;
    }
    return coerced;
  };
}

interface InputField {
  readonly name: string;
  readonly coerce: Coerce;
  /** Where it is left out; UNUSUAL where it must not be, undefined where it then stays out. */
  readonly fallback: unknown;
}

function fieldsOf(type: GraphQLInputObjectType): InputField[] {
  return Object.values(type.getFields()).map((field) => ({
    name: field.name,
    coerce: compileInput(field.type),
    fallback: field.defaultValue === undefined && isNonNullType(field.type) ? UNUSUAL : field.defaultValue,
  }));
}
