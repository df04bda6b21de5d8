import {
  type ASTNode,
  type ASTVisitor,
  type FieldNode,
  GraphQLError,
  type GraphQLField,
  type GraphQLNamedType,
  getNamedType,
  getNullableType,
  isListType,
  isObjectType,
  Kind,
  type SelectionSetNode,
  type ValidationContext,
} from 'graphql';
import { MAX_PAGE } from '../service/api.ts';

/** Lexical tokens in one document; a full introspection has some 350. Long lists belong into variables. */
export const MAX_TOKENS = 4_000;
/** Comments in one document, which are no lexical tokens but take as long to read. */
export const MAX_COMMENTS = 1_000;
/** What may be set; introspection is measured like all else. */
export interface SelectionBounds {
  /** Levels of fields within fields; a full introspection has 15, and nothing else here comes near. */
  readonly depth: number;
  /** Fields of one operation with its fragments spread out, each alias by itself; a full introspection has some 250. */
  readonly fields: number;
  /** Values that it may make to be computed and sent: its fields, those of a list once for each entry that may be in it. */
  readonly cost: number;
}

export const DEFAULT_BOUNDS: SelectionBounds = { depth: 20, fields: 500, cost: 50_000 };
/** What a list is taken to hold where the document does not say: the most that most of them can. */
const LIST_LENGTH = MAX_PAGE;
/** An answer repeats an alias for each entry of a list: the cost counts values, not what they are called. */
const MAX_ALIAS_LENGTH = 100;
/** Fragments in one document: to compare them all with each other takes time that grows with the square of their number. */
export const MAX_FRAGMENTS = 50;
/** Fields that are loaded: those of Query, Mutation and Subscription, and those that take arguments. */
export const MAX_LOADS = 20;

interface Where {
  readonly isRoot: boolean;
  /** How many entries lists hold that stand right here; null where nothing says so. */
  readonly page: number | null;
}

const ROOT: Where = { isRoot: true, page: null };

interface Size {
  readonly depth: number;
  readonly fields: number;
  readonly cost: number;
  readonly loads: number;
}

const NOTHING: Size = { depth: 0, fields: 0, cost: 0, loads: 0 };

/**
 * A validation rule that bounds what one operation can cost, whatever its variables: one request counts once against a
 * client's rate, so it must not hide hundreds in it.
 */
export function selectionBoundsRule(bounds: SelectionBounds): (context: ValidationContext) => ASTVisitor {
  return (context) => boundSelections(context, bounds);
}

function boundSelections(context: ValidationContext, bounds: SelectionBounds): ASTVisitor {
  const spread = new Map<string, Size>();

  const sizeOf = (selections: SelectionSetNode, parent: GraphQLNamedType | undefined, where: Where): Size => {
    let { depth, fields, cost, loads } = NOTHING;
    for (const selection of selections.selections) {
      let part: Size;
      if (selection.kind === Kind.FIELD) {
        part = sizeOfField(selection, parent, where);
      } else if (selection.kind === Kind.INLINE_FRAGMENT) {
        const type = selection.typeCondition ? context.getSchema().getType(selection.typeCondition.name.value) : parent;
        part = sizeOf(selection.selectionSet, type, where);
      } else {
        part = sizeOfFragment(selection.name.value, where);
      }
      depth = Math.max(depth, part.depth);
      fields += part.fields;
      cost += part.cost;
      loads += part.loads;
    }
    return { depth, fields, cost, loads };
  };

  const sizeOfField = (field: FieldNode, parent: GraphQLNamedType | undefined, { isRoot, page }: Where): Size => {
    const definition = isObjectType(parent) ? parent.getFields()[field.name.value] : undefined;
    const meta = isIntrospection(parent) || field.name.value.startsWith('__');
    const asked = definition === undefined ? null : lengthAskedFor(field, definition);
    const below = field.selectionSet
      ? sizeOf(field.selectionSet, definition && getNamedType(definition.type), { isRoot: false, page: asked })
      : NOTHING;
    const isList = definition !== undefined && !meta && isListType(getNullableType(definition.type));
    return {
      depth: below.depth + 1,
      fields: below.fields + 1,
      cost: 1 + below.cost * (isList ? (asked ?? page ?? LIST_LENGTH) : 1),
      loads: below.loads + (definition !== undefined && !meta && (isRoot || definition.args.length > 0) ? 1 : 0),
    };
  };

  const sizeOfFragment = (name: string, where: Where): Size => {
    const key = `${where.isRoot}:${where.page}:${name}`;
    const known = spread.get(key);
    if (known) return known;
    // Stands while this one is being measured, so that a circle, which another rule reports, comes to an end.
    spread.set(key, NOTHING);
    const fragment = context.getFragment(name);
    if (!fragment) return NOTHING;
    const type = context.getSchema().getType(fragment.typeCondition.name.value);
    const size = sizeOf(fragment.selectionSet, type, where);
    spread.set(key, size);
    return size;
  };

  const refuse = (node: ASTNode, message: string): void =>
    context.reportError(new GraphQLError(message, { nodes: node }));

  return {
    Field({ alias }) {
      if (alias && alias.value.length > MAX_ALIAS_LENGTH)
        refuse(alias, `An alias may have at most ${MAX_ALIAS_LENGTH} characters.`);
    },
    Document(node) {
      const fragments = node.definitions.filter(({ kind }) => kind === Kind.FRAGMENT_DEFINITION);
      const [excess] = fragments.slice(MAX_FRAGMENTS);
      if (excess) refuse(excess, `A document may define at most ${MAX_FRAGMENTS} fragments.`);
    },
    OperationDefinition(node) {
      const size = sizeOf(node.selectionSet, context.getSchema().getRootType(node.operation) ?? undefined, ROOT);
      if (size.depth > bounds.depth) refuse(node, `An operation may nest fields at most ${bounds.depth} deep.`);
      if (size.fields > bounds.fields) refuse(node, `An operation may select at most ${bounds.fields} fields.`);
      if (size.cost > bounds.cost) {
        const cost = `An operation may cost at most ${bounds.cost}, and this one costs ${size.cost}`;
        refuse(node, `${cost}: select fewer fields of lists, or write smaller pages into the document.`);
      }
      if (size.loads > MAX_LOADS) {
        refuse(node, `An operation may hold at most ${MAX_LOADS} root fields and fields that take arguments.`);
      }
    },
  };
}

function isIntrospection(type: GraphQLNamedType | undefined): boolean {
  return type?.name.startsWith('__') ?? false;
}

/** What the arguments of a field say of the length of its list, or of those right below it. Variables may hold anything. */
function lengthAskedFor({ arguments: given = [] }: FieldNode, { args }: GraphQLField<unknown, unknown>): number | null {
  for (const { name, type, defaultValue } of args) {
    const value = given.find((argument) => argument.name.value === name)?.value;
    if (name === 'first') {
      if (value?.kind === Kind.INT) return Math.min(Math.max(Number(value.value), 0), LIST_LENGTH);
      return value === undefined && typeof defaultValue === 'number' ? defaultValue : LIST_LENGTH;
    }
    if (name === 'ids' && isListType(getNullableType(type))) {
      return value?.kind === Kind.LIST ? value.values.length : LIST_LENGTH;
    }
  }
  return null;
}
