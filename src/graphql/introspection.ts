import { GraphQLSchema, NoSchemaIntrospectionCustomRule, type ValidationRule } from 'graphql';

/** The name under which a schema carries that it must not be told to clients. */
const CLOSED = 'rollcallClosed';

/**
 * The same schema, but one that clients cannot ask for: `__schema` and `__type` are refused, over every transport, and no
 * error guesses at what the client may have meant. `__typename` stays.
 */
export function closeSchema(schema: GraphQLSchema): GraphQLSchema {
  const config = schema.toConfig();
  return new GraphQLSchema({ ...config, extensions: { ...config.extensions, [CLOSED]: true } });
}

export function isClosed(schema: GraphQLSchema): boolean {
  return schema.extensions[CLOSED] === true;
}

/** What documents are held against besides the rules of the language. */
export function introspectionRules(schema: GraphQLSchema): readonly ValidationRule[] {
  return isClosed(schema) ? [NoSchemaIntrospectionCustomRule] : [];
}
