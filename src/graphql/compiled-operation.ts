import {
  type ArgumentNode,
  type ExecutionResult,
  type GraphQLField,
  GraphQLObjectType,
  GraphQLSchema,
  isInputType,
  Kind,
  type OperationDefinitionNode,
  typeFromAST,
  type VariableDefinitionNode,
} from 'graphql';
import { toBinary } from './binary-text.ts';
import { type Coerce, compileInput, UNUSUAL } from './compiled-input.ts';
import { compileOutput, fieldsOf, NotAwaited, needsNoInfo, type Write } from './compiled-selection.ts';
import type { GraphQLContext } from './context.ts';
import type { PreparedOperation } from './documents.ts';
import { executeOperation, type OperationArguments } from './execute.ts';

type Values = Readonly<Record<string, unknown>>;
type Resolve = (source: undefined, args: Values, context: GraphQLContext) => unknown;

/** What the one field of an operation has come to. */
interface Replay {
  outcome(): unknown;
}

/**
 * Runs queries and mutations of a schema, each document of one field compiled once: its arguments are coerced, its resolver
 * is called and what it gives is written as JSON without the general executor, which costs more than all of these. The answer
 * is byte for byte what executing and `JSON.stringify` give. Whatever is not plain, errors among it, the executor does.
 */
export class CompiledOperations {
  readonly #schema: GraphQLSchema;
  readonly #compiled = new WeakMap<OperationDefinitionNode, CompiledOperation | null>();
  /** The same schema, but that the fields of a query or mutation give what they have come to already. */
  readonly #replaying: GraphQLSchema;

  constructor(schema: GraphQLSchema) {
    this.#schema = schema;
    this.#replaying = replaying(schema);
  }

  /**
   * As `executeOperation`, but a result without errors may come as text: a binary string, one character a byte of UTF-8.
   * `prepared` is what `operation` was made of.
   */
  run(prepared: PreparedOperation, operation: OperationArguments): Promise<string | ExecutionResult> {
    const compiled = this.#compiledFor(prepared);
    const args = compiled?.argumentsFrom(operation.variables ?? NOTHING) ?? null;
    if (compiled === null || args === null) return executeOperation(operation);
    return this.#run(compiled, args, prepared, operation);
  }

  async #run(
    compiled: CompiledOperation,
    args: Values,
    prepared: PreparedOperation,
    operation: OperationArguments,
  ): Promise<string | ExecutionResult> {
    let value: unknown;
    try {
      value = await compiled.resolve(undefined, args, operation.context);
    } catch (error) {
      return this.#replay(operation, () => {
        throw error;
      });
    }
    try {
      return toBinary(`${compiled.before}${compiled.write(value, operation.context)}}}`);
    } catch (error) {
      // It would be asked for twice each time.
      if (error instanceof NotAwaited) this.#compiled.set(prepared.operation, null);
      return this.#replay(operation, () => value);
    }
  }

  #compiledFor({ document, operation }: PreparedOperation): CompiledOperation | null {
    const known = this.#compiled.get(operation);
    if (known !== undefined) return known;
    const compiled = compile(this.#schema, { document, operation });
    this.#compiled.set(operation, compiled);
    return compiled;
  }

  /** What the executor makes of an outcome. Nothing is done again but reading what was given. */
  #replay(operation: OperationArguments, outcome: () => unknown): Promise<ExecutionResult> {
    const rootValue: Replay = { outcome };
    return executeOperation({ ...operation, schema: this.#replaying }, rootValue);
  }
}

const NOTHING: Values = Object.freeze({});

interface CompiledOperation {
  /** Null where the executor has to look at them. */
  argumentsFrom(variables: Values): Values | null;
  readonly resolve: Resolve;
  /** What stands in the answer before the value of the field. */
  readonly before: string;
  readonly write: Write;
}

function compile(schema: GraphQLSchema, { document, operation }: PreparedOperation): CompiledOperation | null {
  const type = schema.getRootType(operation.operation);
  const fragments = new Map(
    document.definitions.flatMap((definition) =>
      definition.kind === Kind.FRAGMENT_DEFINITION ? [[definition.name.value, definition] as const] : [],
    ),
  );
  const fields = type && fieldsOf(type, [operation.selectionSet], fragments);
  const [key, nodes] = [...(fields ?? [])][0] ?? [];
  if (!type || fields?.size !== 1 || key === undefined || nodes === undefined) return null;
  const field = type.getFields()[nodes[0]?.name.value ?? ''] as GraphQLField<undefined, GraphQLContext> | undefined;
  if (!field?.resolve || !needsNoInfo(field.resolve)) return null;
  const argumentsFrom = compileArguments(schema, field, operation.variableDefinitions ?? [], nodes[0]?.arguments ?? []);
  const write = compileOutput(field.type, nodes, fragments);
  if (argumentsFrom === null || write === null) return null;
  // What is left out is what it does not take.
  return { argumentsFrom, resolve: field.resolve as unknown as Resolve, before: `{"data":{"${key}":`, write };
}

interface Variable {
  readonly name: string;
  readonly coerce: Coerce;
}

/** Null where a field is given anything but variables, or variables have defaults. */
function compileArguments(
  schema: GraphQLSchema,
  field: GraphQLField<undefined, GraphQLContext>,
  definitions: readonly VariableDefinitionNode[],
  nodes: readonly ArgumentNode[],
): CompiledOperation['argumentsFrom'] | null {
  const variables = new Map<string, Variable>();
  for (const { variable, type, defaultValue } of definitions) {
    const inputType = typeFromAST(schema, type);
    if (!isInputType(inputType) || defaultValue !== undefined) return null;
    variables.set(variable.name.value, { name: variable.name.value, coerce: compileInput(inputType) });
  }
  const given = new Map<string, Variable>();
  for (const { name, value } of nodes) {
    const variable = value.kind === Kind.VARIABLE ? variables.get(value.name.value) : undefined;
    if (variable === undefined) return null;
    given.set(name.value, variable);
  }
  // What is left out may have a default.
  if (field.args.some(({ name }) => !given.has(name)) || new Set(given.values()).size !== variables.size) return null;
  return (values) => {
    const args: Record<string, unknown> = {};
    for (const [name, variable] of given) {
      if (!Object.hasOwn(values, variable.name)) return null;
      const value = variable.coerce(values[variable.name]);
      if (value === UNUSUAL) return null;
      args[name] = value;
    }
    return args;
  };
}

function replaying(schema: GraphQLSchema): GraphQLSchema {
  const config = schema.toConfig();
  const { query, mutation } = config;
  const types = config.types.filter((type) => type !== query && type !== mutation);
  return new GraphQLSchema({ ...config, types, query: replayed(query), mutation: replayed(mutation) });
}

function replayed(type: GraphQLObjectType | null | undefined): GraphQLObjectType | null {
  if (!type) return null;
  const { fields, ...config } = type.toConfig();
  const settled = Object.entries(fields).map(
    ([name, field]) => [name, { ...field, resolve: (root: Replay) => root.outcome() }] as const,
  );
  return new GraphQLObjectType({ ...config, fields: Object.fromEntries(settled) });
}
