import {
  type DocumentNode,
  type GraphQLError,
  type GraphQLSchema,
  getOperationAST,
  type OperationDefinitionNode,
  parse,
  specifiedRules,
  type ValidationRule,
  validate,
} from 'graphql';
import { badInput, type RollcallError } from '../errors.ts';
import { type DocumentId, type DocumentIdSource, documentIdOf, sha256 } from './document-id.ts';
import { persistedQueryNotFound, type ReportUnexpected, toClientError } from './errors.ts';
import { introspectionRules, isClosed } from './introspection.ts';
import {
  DEFAULT_BOUNDS,
  MAX_COMMENTS,
  MAX_TOKENS,
  type SelectionBounds,
  selectionBoundsRule,
} from './selection-bounds.ts';
import { UnconditionalSubscriptionRule } from './subscription-root.ts';

/**
 * What names an operation in a request: the text of its document, or by what it is known, or both; `operationName` may be
 * left out where the document holds one operation. An empty text beside a name counts as none, as WebSocket clients that
 * must send one do.
 */
export interface OperationRequest extends DocumentIdSource {
  readonly query?: string | null | undefined;
  readonly operationName?: string | null | undefined;
}

export interface PreparedOperation {
  /** The same object for the same text for as long as it is remembered: fit to be a key. Do not change it. */
  readonly document: DocumentNode;
  readonly operation: OperationDefinitionNode;
  readonly errors?: never;
}

export interface RefusedOperation {
  /** BAD_USER_INPUT, at least one; PERSISTED_QUERY_NOT_FOUND, where the client will send the text next. */
  readonly errors: readonly GraphQLError[];
  readonly document?: never;
  readonly operation?: never;
}

export interface DocumentsOptions {
  /** Nothing else is run than what `trust` was told of. */
  readonly trustedOnly?: boolean;
  readonly bounds?: SelectionBounds;
}

/** How many documents are remembered beside the trusted ones. A product's frontends send the same few hundred. */
const MAX_DOCUMENTS = 1_000;
/** What they may weigh together, in bytes: documents that are sent to fill memory push out others, and no more. */
const MAX_WEIGHT = 50_000_000;
/** What is kept of a token: itself, the node it belongs to, and where that stands. */
const TOKEN_WEIGHT = 250;
/** Enough to mend a document by; one that is all wrong gets no list of thousands. */
const MAX_ERRORS = 10;

interface Known {
  readonly text: string;
  readonly document: DocumentNode;
  readonly sha256: string;
  readonly weight: number;
}

/**
 * The documents of one server: parsed, validated and remembered by their text and by their SHA-256, whoever sent them first.
 * So a client may send the hash in place of a text that has been seen, over any transport.
 */
export class Documents {
  readonly #schema: GraphQLSchema;
  readonly #trustedOnly: boolean;
  readonly #rules: readonly (readonly ValidationRule[])[];
  /** By their text, in the order of their last use, the oldest first. */
  readonly #byText = new Map<string, Known>();
  readonly #bySha256 = new Map<string, Known>();
  #weight = 0;
  readonly #trustedByText = new Map<string, DocumentNode>();
  readonly #trustedById = new Map<string, string>();

  constructor(schema: GraphQLSchema, { trustedOnly = false, bounds = DEFAULT_BOUNDS }: DocumentsOptions = {}) {
    this.#schema = schema;
    this.#trustedOnly = trustedOnly;
    // The bounds come first, by themselves: some of the other rules take time that grows with the square of what they read.
    this.#rules = [
      [selectionBoundsRule(bounds)],
      [...specifiedRules, UnconditionalSubscriptionRule, ...introspectionRules(schema)],
    ];
  }

  /** From now on the document is known by this id, whatever else comes. What is wrong with it, nothing being done then. */
  trust(id: string, text: string): readonly GraphQLError[] {
    const found = this.#read(text);
    if (found.errors) return found.errors;
    this.#trustedByText.set(text, found.document);
    this.#trustedById.set(id, text);
    this.#trustedById.set(sha256(text), text);
    return [];
  }

  /**
   * Finds or parses and validates the document, and picks the operation. Never throws. Documents beyond the bounds of
   * `selection-bounds.ts` are refused like any that is not valid.
   */
  prepare(request: OperationRequest, report?: ReportUnexpected): PreparedOperation | RefusedOperation {
    try {
      const found = this.#find(request, report);
      if (found.errors) return found;
      const operation = getOperationAST(found.document, request.operationName);
      if (operation) return { document: found.document, operation };
    } catch (error) {
      return { errors: [toClientError(error, report)] };
    }
    const message = request.operationName
      ? `The document holds no operation named "${request.operationName.slice(0, 100)}".`
      : 'Say with operationName which of the operations in the document to run.';
    return { errors: [toClientError(badInput('operationName', message))] };
  }

  /** The same without parsing anything: null for what is not known, and where there is something to refuse. */
  recall(request: OperationRequest): PreparedOperation | null {
    try {
      const named = documentIdOf(request);
      const text = named === null ? request.query : this.#textOf(named);
      if (!text || (request.query && request.query !== text)) return null;
      const document = this.#known(text);
      const operation = document && getOperationAST(document, request.operationName);
      return document && operation ? { document, operation } : null;
    } catch {
      return null;
    }
  }

  #textOf({ id }: DocumentId): string | undefined {
    return this.#trustedById.get(id) ?? this.#bySha256.get(id)?.text;
  }

  #known(text: string): DocumentNode | null {
    const trusted = this.#trustedByText.get(text);
    if (trusted || this.#trustedOnly) return trusted ?? null;
    const known = this.#byText.get(text);
    if (known === undefined) return null;
    this.#byText.delete(text);
    this.#byText.set(text, known);
    return known.document;
  }

  #find(request: OperationRequest, report: ReportUnexpected | undefined): FoundDocument | RefusedOperation {
    const named = documentIdOf(request);
    if (named === null) return this.#withText(request.query ?? '', 'query', report);
    const known = this.#textOf(named);
    if (request.query) {
      if (request.query === known || (known === undefined && named.id === sha256(request.query))) {
        return this.#withText(request.query, 'query', report);
      }
      throw badInput(named.argument, 'The text that was sent is not the one that this hash stands for.');
    }
    if (known === undefined) throw this.#notFound(named);
    return this.#withText(known, named.argument, report);
  }

  #notFound({ argument }: DocumentId): unknown {
    if (this.#trustedOnly) return notTrusted(argument);
    return argument === 'extensions'
      ? persistedQueryNotFound()
      : badInput('documentId', 'No document is known by this documentId: send its text once, as query.');
  }

  #withText(text: string, argument: string, report: ReportUnexpected | undefined): FoundDocument | RefusedOperation {
    const known = this.#known(text);
    if (known) return { document: known };
    if (this.#trustedOnly) throw notTrusted(argument);
    const found = this.#read(text, report);
    if (!found.errors) this.#remember(text, found.document);
    return found;
  }

  #read(text: string, report?: ReportUnexpected): FoundDocument | RefusedOperation {
    try {
      const document = parse(text, { maxTokens: MAX_TOKENS, maxComments: MAX_COMMENTS });
      const options = { maxErrors: MAX_ERRORS, hideSuggestions: isClosed(this.#schema) };
      for (const rules of this.#rules) {
        const errors = validate(this.#schema, document, rules, options);
        if (errors.length > 0) return { errors: errors.map((error) => toClientError(error, report)) };
      }
      return { document };
    } catch (error) {
      return { errors: [toClientError(isStackOverflow(error) ? tooDeep() : error, report)] };
    }
  }

  #remember(text: string, document: DocumentNode): void {
    const weight = 2 * text.length + TOKEN_WEIGHT * tokensOf(document);
    const known: Known = { text, document, sha256: sha256(text), weight };
    this.#byText.set(text, known);
    this.#bySha256.set(known.sha256, known);
    this.#weight += weight;
    for (const oldest of this.#byText.values()) {
      if (this.#byText.size <= MAX_DOCUMENTS && this.#weight <= MAX_WEIGHT) break;
      this.#byText.delete(oldest.text);
      this.#bySha256.delete(oldest.sha256);
      this.#weight -= oldest.weight;
    }
  }
}

interface FoundDocument {
  readonly document: DocumentNode;
  readonly errors?: never;
}

/** Comments among them, which are kept too. */
function tokensOf({ loc }: DocumentNode): number {
  let count = 0;
  for (let token = loc?.startToken.next ?? null; token !== null; token = token.next) count++;
  return count;
}

function notTrusted(argument: string): RollcallError {
  return badInput(argument, 'This server runs only the documents that it was set up with: send the id of one of them.');
}

/** The parser goes as deep as the document does, and so do some of the rules. */
function isStackOverflow(error: unknown): boolean {
  return error instanceof RangeError && error.message === 'Maximum call stack size exceeded';
}

function tooDeep(): RollcallError {
  return badInput('query', 'The document is nested too deeply.');
}
