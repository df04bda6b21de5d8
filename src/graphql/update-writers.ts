import { type DocumentNode, type GraphQLSchema, getNamedType, Kind, TypeInfo, visit, visitWithTypeInfo } from 'graphql';
import type { OperationArguments } from './execute.ts';
import { UpdateWriter } from './update-writer.ts';

/**
 * What updates are made of. Each field of these types depends on nothing but its parent: not on the caller, and on
 * variables only through directives. So what one viewer is told of a view is what all are told of it.
 */
const SHARED_TYPES: ReadonlySet<string> = new Set(['RosterUpdate', 'User', 'Presence', 'CustomStatus']);
/** How many operations are remembered: it bounds for how many a text of each view is kept. */
const MAX_WRITERS = 32;

interface Shape {
  /** Tells documents apart. */
  readonly name: number;
  /** What is left of the document where only what is selected counts. */
  readonly document: DocumentNode;
  /** The variables that decide what is selected. */
  readonly variables: readonly string[];
}

/** One writer for all subscriptions whose updates are the same text. */
export class UpdateWriters {
  readonly #schema: GraphQLSchema;
  /** The least recently asked for first. */
  readonly #writers = new Map<string, UpdateWriter>();
  /** Null for documents that select something that is not shared. */
  readonly #shapes = new WeakMap<DocumentNode, Shape | null>();
  #documents = 0;

  constructor(schema: GraphQLSchema) {
    this.#schema = schema;
  }

  /** Null where each update has to be executed by itself. */
  for(operation: OperationArguments): UpdateWriter | null {
    const { operationName, variables } = operation;
    const shape = this.#shapeOf(operation.document);
    if (shape === null) return null;
    // Left out is not the same as null: it may have a default.
    const given = shape.variables.filter((name) => variables && Object.hasOwn(variables, name));
    const values = Object.fromEntries(given.map((name) => [name, variables?.[name]]));
    const key = JSON.stringify([shape.name, operationName ?? null, values]);
    // What is kept is nobody's in particular.
    const context = { ...operation.context, caller: null };
    const asked = { ...operation, document: shape.document, variables: values, context };
    const writer = this.#writers.get(key) ?? UpdateWriter.compile(asked);
    if (writer === null) return null;
    this.#writers.delete(key);
    this.#writers.set(key, writer);
    for (const oldest of this.#writers.keys()) {
      if (this.#writers.size <= MAX_WRITERS) break;
      this.#writers.delete(oldest);
    }
    return writer;
  }

  #shapeOf(document: DocumentNode): Shape | null {
    const known = this.#shapes.get(document);
    if (known !== undefined) return known;
    const variables = selectingVariables(this.#schema, document);
    const shape =
      variables === null
        ? null
        : { name: this.#documents++, document: onlySelections(this.#schema, document, variables), variables };
    this.#shapes.set(document, shape);
    return shape;
  }
}

/** Null where something is selected that is not shared. */
function selectingVariables(schema: GraphQLSchema, document: DocumentNode): string[] | null {
  const names = new Set<string>();
  let shared = true;
  const types = new TypeInfo(schema);
  visit(
    document,
    visitWithTypeInfo(types, {
      Field: () => {
        const parent = types.getParentType();
        const type = parent === schema.getSubscriptionType() ? getNamedType(types.getType()) : parent;
        if (!type || !SHARED_TYPES.has(type.name)) shared = false;
      },
      Directive: (directive) => {
        for (const { value } of directive.arguments ?? []) {
          if (value.kind === Kind.VARIABLE) names.add(value.name.value);
        }
      },
    }),
  );
  return shared ? [...names].sort() : null;
}

/** Without what says whom to watch and from where: no viewer's ids and cursors are kept, nor read again for each view. */
function onlySelections(schema: GraphQLSchema, document: DocumentNode, variables: readonly string[]): DocumentNode {
  const types = new TypeInfo(schema);
  return visit(
    document,
    visitWithTypeInfo(types, {
      VariableDefinition: ({ variable }) => (variables.includes(variable.name.value) ? undefined : null),
      Field: (field) =>
        types.getParentType() === schema.getSubscriptionType()
          ? {
              ...field,
              alias: field.alias ?? field.name,
              name: { ...field.name, value: 'friendsPresence' },
              arguments: [],
            }
          : undefined,
    }),
  );
}
