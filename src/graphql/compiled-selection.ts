import {
  type FieldNode,
  type FragmentDefinitionNode,
  GraphQLBoolean,
  type GraphQLField,
  GraphQLID,
  GraphQLInt,
  type GraphQLLeafType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  GraphQLString,
  isEnumType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  Kind,
  type SelectionSetNode,
} from 'graphql';
import { isInt } from './compiled-input.ts';
import type { GraphQLContext } from './context.ts';

/**
 * A value as JSON, as a type and a selection have it. Throws, whatever it is, where plain execution would wait for something
 * or find something wrong.
 */
export type Write = (value: unknown, context: GraphQLContext) => string;

export type Fragments = ReadonlyMap<string, FragmentDefinitionNode>;

/** What is selected of an object, by the names in the answer and in their order; null where a directive has a say in it. */
export function fieldsOf(
  type: GraphQLObjectType,
  selections: readonly (SelectionSetNode | undefined)[],
  fragments: Fragments,
): ReadonlyMap<string, readonly FieldNode[]> | null {
  const fields = new Map<string, FieldNode[]>();
  const visited = new Set<string>();
  const collect = (set: SelectionSetNode): boolean =>
    set.selections.every((selection) => {
      if (selection.directives?.length) return false;
      if (selection.kind === Kind.FIELD) {
        const key = selection.alias?.value ?? selection.name.value;
        fields.set(key, [...(fields.get(key) ?? []), selection]);
        return true;
      }
      if (selection.kind === Kind.FRAGMENT_SPREAD) {
        if (visited.has(selection.name.value)) return true;
        visited.add(selection.name.value);
      }
      const part = selection.kind === Kind.FRAGMENT_SPREAD ? fragments.get(selection.name.value) : selection;
      if (part === undefined) return false;
      // Without interfaces and unions a part is of this very type or does not count.
      const of = part.typeCondition?.name.value ?? type.name;
      return of !== type.name || collect(part.selectionSet);
    });
  return selections.every((set) => set === undefined || collect(set)) ? fields : null;
}

/** Null where something is selected that has to be executed plainly: arguments, directives, types that are not concrete. */
export function compileOutput(
  type: GraphQLOutputType,
  nodes: readonly FieldNode[],
  fragments: Fragments,
): Write | null {
  if (isNonNullType(type)) {
    const write = compileOutput(type.ofType, nodes, fragments);
    return (
      write &&
      ((value, context) => {
        if (value === null || value === undefined) throw new Unwritten();
        return write(value, context);
      })
    );
  }
  if (isLeafType(type)) return orNull(compileLeaf(type));
  if (isListType(type)) {
    const write = compileOutput(type.ofType, nodes, fragments);
    return write && orNull((value, context) => writeList(value, context, write));
  }
  return isObjectType(type) ? compileObject(type, nodes, fragments) : null;
}

/** Not an error of anybody: it says that the value is left to plain execution. */
class Unwritten extends Error {}

/** It cannot be written until something has come. */
export class NotAwaited extends Unwritten {}

/** Plain execution asks for it again and waits: what became of this one is nobody's business, its failure either. */
function notAwaited(promise: object): NotAwaited {
  Promise.resolve(promise).catch(() => {});
  return new NotAwaited();
}

function orNull(write: Write): Write {
  return (value, context) => (value === null || value === undefined ? 'null' : write(value, context));
}

function writeList(value: unknown, context: GraphQLContext, write: Write): string {
  if (!Array.isArray(value)) throw new Unwritten();
  let text = '[';
  for (let index = 0; index < value.length; index++) {
    if (index > 0) text += ',';
    text += write(value[index], context);
  }
  return `${text}]`;
}

function compileLeaf(type: GraphQLLeafType): Write {
  const serialize: Write = (value) => {
    if (typeof value === 'object' && value !== null && 'then' in value) throw notAwaited(value);
    const serialized: unknown = type.serialize(value);
    if (serialized === null || serialized === undefined) throw new Unwritten();
    return JSON.stringify(serialized);
  };
  if (isEnumType(type)) {
    const texts = new Map(type.getValues().map(({ name, value }) => [value as unknown, `"${name}"`]));
    return (value, context) => texts.get(value) ?? serialize(value, context);
  }
  if (type === GraphQLID || type === GraphQLString) {
    return (value, context) => (typeof value === 'string' ? JSON.stringify(value) : serialize(value, context));
  }
  if (type === GraphQLBoolean) {
    return (value, context) => (value === true ? 'true' : value === false ? 'false' : serialize(value, context));
  }
  if (type === GraphQLInt) return (value, context) => (isInt(value) ? `${value}` : serialize(value, context));
  return serialize;
}

interface SelectedField {
  /** What stands before its value. */
  readonly before: string;
  readonly read: Read;
  readonly write: Write;
}

type Read = (source: Source, context: GraphQLContext) => unknown;
type Source = Readonly<Record<string, unknown>>;

function compileObject(type: GraphQLObjectType, nodes: readonly FieldNode[], fragments: Fragments): Write | null {
  const selected = fieldsOf(
    type,
    nodes.map(({ selectionSet }) => selectionSet),
    fragments,
  );
  if (selected === null || type.isTypeOf) return null;
  const fields: SelectedField[] = [];
  for (const [key, same] of selected) {
    const field = compileField(type, same, fragments);
    if (field === null) return null;
    fields.push({ ...field, before: `${fields.length === 0 ? '{' : ','}"${key}":` });
  }
  return orNull((value, context) => {
    if (typeof value !== 'object' || value === null || value instanceof Error) throw new Unwritten();
    if ('then' in value) throw notAwaited(value);
    let text = '';
    for (const { before, read, write } of fields) {
      text += before;
      text += write(read(value as Source, context), context);
    }
    return `${text}}`;
  });
}

function compileField(
  type: GraphQLObjectType,
  nodes: readonly FieldNode[],
  fragments: Fragments,
): Omit<SelectedField, 'before'> | null {
  const name = nodes[0]?.name.value ?? '';
  if (name === '__typename') return { read: () => null, write: () => `"${type.name}"` };
  const field = type.getFields()[name];
  if (!field || field.args.length > 0) return null;
  const write = compileOutput(field.type, nodes, fragments);
  const read = readerOf(field);
  return write && read && { read, write };
}

const NO_ARGUMENTS = Object.freeze({});

function readerOf({ name, resolve }: GraphQLField<unknown, GraphQLContext>): Read | null {
  if (resolve === undefined) {
    return (source) => {
      const value = source[name];
      if (typeof value === 'function') throw new Unwritten();
      return value;
    };
  }
  if (!needsNoInfo(resolve)) return null;
  // What is left out is what it does not take.
  const call = resolve as unknown as (source: Source, args: object, context: GraphQLContext) => unknown;
  return (source, context) => call(source, NO_ARGUMENTS, context);
}

/** Whether a resolver takes no more than parent, arguments and context. */
export function needsNoInfo(resolve: { readonly length: number }): boolean {
  return resolve.length <= 3;
}
