import {
  type DocumentNode,
  type GraphQLError,
  type GraphQLSchema,
  getOperationAST,
  type OperationDefinitionNode,
  parse,
  specifiedRules,
  validate,
} from 'graphql';
import { badInput, type RollcallError } from '../errors.ts';
import { type ReportUnexpected, toClientError } from './errors.ts';
import { introspectionRules, isClosed } from './introspection.ts';
import { MAX_TOKENS, SelectionBoundsRule } from './selection-bounds.ts';
import { UnconditionalSubscriptionRule } from './subscription-root.ts';

/** What names an operation in a request. `operationName` may be left out where the document holds one operation. */
export interface OperationRequest {
  readonly query: string;
  readonly operationName?: string | null | undefined;
}

export interface PreparedOperation {
  /** The same object for the same text for as long as it is remembered: fit to be a key. Do not change it. */
  readonly document: DocumentNode;
  readonly operation: OperationDefinitionNode;
  readonly errors?: never;
}

export interface RefusedOperation {
  /** BAD_USER_INPUT, at least one. */
  readonly errors: readonly GraphQLError[];
  readonly document?: never;
  readonly operation?: never;
}

/** How many documents are remembered for each schema. A product's frontends send the same few hundred. */
const MAX_DOCUMENTS = 1_000;
/** Longer texts are parsed every time, so that what is remembered stays within some tens of megabytes. */
const MAX_REMEMBERED_LENGTH = 8_192;
/** Enough to mend a document by; one that is all wrong gets no list of thousands. */
const MAX_ERRORS = 10;

/** Belongs to the schema object and goes with it. Texts in the order of their last use, the oldest first. */
const remembered = new WeakMap<GraphQLSchema, Map<string, DocumentNode>>();

/**
 * Parses, validates and picks the operation; a valid document is remembered by its text. Never throws. Documents beyond
 * the bounds of `selection-bounds.ts` are refused like any that is not valid.
 */
export function prepare(
  schema: GraphQLSchema,
  request: OperationRequest,
  report?: ReportUnexpected,
): PreparedOperation | RefusedOperation {
  const found = documentFor(schema, request.query, report);
  if (found.errors) return found;
  const operation = getOperationAST(found.document, request.operationName);
  if (operation) return { document: found.document, operation };
  const message = request.operationName
    ? `The document holds no operation named "${request.operationName.slice(0, 100)}".`
    : 'Say with operationName which of the operations in the document to run.';
  return { errors: [toClientError(badInput('operationName', message))] };
}

function documentFor(
  schema: GraphQLSchema,
  query: string,
  report: ReportUnexpected | undefined,
): { document: DocumentNode; errors?: never } | RefusedOperation {
  const documents = remembered.get(schema) ?? new Map<string, DocumentNode>();
  const known = documents.get(query);
  if (known) {
    documents.delete(query);
    documents.set(query, known);
    return { document: known };
  }

  let document: DocumentNode;
  try {
    document = parse(query, { maxTokens: MAX_TOKENS });
    // The bounds come first, by themselves: some of the other rules take time that grows with the square of what they read.
    for (const rules of [
      [SelectionBoundsRule],
      [...specifiedRules, UnconditionalSubscriptionRule, ...introspectionRules(schema)],
    ]) {
      const errors = validate(schema, document, rules, { maxErrors: MAX_ERRORS, hideSuggestions: isClosed(schema) });
      if (errors.length > 0) return { errors: errors.map((error) => toClientError(error, report)) };
    }
  } catch (error) {
    return { errors: [toClientError(isStackOverflow(error) ? tooDeep() : error, report)] };
  }

  if (query.length <= MAX_REMEMBERED_LENGTH) {
    remembered.set(schema, documents.set(query, document));
    for (const oldest of documents.keys()) {
      if (documents.size <= MAX_DOCUMENTS) break;
      documents.delete(oldest);
    }
  }
  return { document };
}

/** The parser goes as deep as the document does, and so do some of the rules. */
function isStackOverflow(error: unknown): boolean {
  return error instanceof RangeError && error.message === 'Maximum call stack size exceeded';
}

function tooDeep(): RollcallError {
  return badInput('query', 'The document is nested too deeply.');
}
