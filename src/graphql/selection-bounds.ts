import {
  type ASTNode,
  type ASTVisitor,
  GraphQLError,
  type GraphQLNamedType,
  getNamedType,
  isObjectType,
  Kind,
  type SelectionSetNode,
  type ValidationContext,
} from 'graphql';

/** Lexical tokens in one document; a full introspection has some 350. Long lists belong into variables. */
export const MAX_TOKENS = 4_000;
/** Comments in one document, which are no lexical tokens but take as long to read. */
export const MAX_COMMENTS = 1_000;
/** Levels of fields within fields; a full introspection has 15, and nothing else here comes near. */
export const MAX_DEPTH = 20;
/** Fields of one operation with its fragments spread out; a full introspection has some 250. */
export const MAX_FIELDS = 500;
/** Fragments in one document: to compare them all with each other takes time that grows with the square of their number. */
export const MAX_FRAGMENTS = 50;
/** Fields that are loaded: those of Query, Mutation and Subscription, and those that take arguments. */
export const MAX_LOADS = 20;

interface Size {
  readonly depth: number;
  readonly fields: number;
  readonly loads: number;
}

const NOTHING: Size = { depth: 0, fields: 0, loads: 0 };

/**
 * A validation rule that bounds what one operation can cost, whatever its variables: one request counts once against a
 * client's rate, so it must not hide hundreds in it.
 */
export function SelectionBoundsRule(context: ValidationContext): ASTVisitor {
  const spread = new Map<string, Size>();

  const sizeOf = (selections: SelectionSetNode, parent: GraphQLNamedType | undefined, isRoot: boolean): Size => {
    let { depth, fields, loads } = NOTHING;
    for (const selection of selections.selections) {
      let part: Size;
      if (selection.kind === Kind.FIELD) {
        const definition = isObjectType(parent) ? parent.getFields()[selection.name.value] : undefined;
        const below = selection.selectionSet
          ? sizeOf(selection.selectionSet, definition && getNamedType(definition.type), false)
          : NOTHING;
        const loaded = definition !== undefined && !isIntrospection(parent) && (isRoot || definition.args.length > 0);
        part = { depth: below.depth + 1, fields: below.fields + 1, loads: below.loads + (loaded ? 1 : 0) };
      } else if (selection.kind === Kind.INLINE_FRAGMENT) {
        const type = selection.typeCondition ? context.getSchema().getType(selection.typeCondition.name.value) : parent;
        part = sizeOf(selection.selectionSet, type, isRoot);
      } else {
        part = sizeOfFragment(selection.name.value, isRoot);
      }
      depth = Math.max(depth, part.depth);
      fields += part.fields;
      loads += part.loads;
    }
    return { depth, fields, loads };
  };

  const sizeOfFragment = (name: string, isRoot: boolean): Size => {
    const key = `${isRoot}:${name}`;
    const known = spread.get(key);
    if (known) return known;
    // Stands while this one is being measured, so that a circle, which another rule reports, comes to an end.
    spread.set(key, NOTHING);
    const fragment = context.getFragment(name);
    if (!fragment) return NOTHING;
    const type = context.getSchema().getType(fragment.typeCondition.name.value);
    const size = sizeOf(fragment.selectionSet, type, isRoot);
    spread.set(key, size);
    return size;
  };

  const refuse = (node: ASTNode, message: string): void =>
    context.reportError(new GraphQLError(message, { nodes: node }));

  return {
    Document(node) {
      const fragments = node.definitions.filter(({ kind }) => kind === Kind.FRAGMENT_DEFINITION);
      const [excess] = fragments.slice(MAX_FRAGMENTS);
      if (excess) refuse(excess, `A document may define at most ${MAX_FRAGMENTS} fragments.`);
    },
    OperationDefinition(node) {
      const size = sizeOf(node.selectionSet, context.getSchema().getRootType(node.operation) ?? undefined, true);
      if (size.depth > MAX_DEPTH) refuse(node, `An operation may nest fields at most ${MAX_DEPTH} deep.`);
      if (size.fields > MAX_FIELDS) refuse(node, `An operation may select at most ${MAX_FIELDS} fields.`);
      if (size.loads > MAX_LOADS) {
        refuse(node, `An operation may hold at most ${MAX_LOADS} root fields and fields that take arguments.`);
      }
    },
  };
}

function isIntrospection(type: GraphQLNamedType | undefined): boolean {
  return type?.name.startsWith('__') ?? false;
}
