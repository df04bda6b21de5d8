import { type GraphQLError, Kind } from 'graphql';

/** What is wrong with a request, in one sentence, and which argument to look at. */
export interface RequestFault {
  readonly argument: string;
  readonly message: string;
}

/** Faults quote what the client sent; no more than this many characters of it go back. */
const MAX_MESSAGE_LENGTH = 500;

/** What graphql-js says of a variable's value; of its declaration it speaks in other words. */
const VALUE_REFUSED = /^Variable "\$\w+" (?:got invalid value|of required type|of non-null type) /;

/**
 * Reads an error that graphql-js raised itself; null where it is not the client's fault. During execution (a path is set)
 * only arguments can be: everything else there, like a value that an enum does not have, comes from our resolvers.
 */
export function requestFault(error: GraphQLError): RequestFault | null {
  if (error.path !== undefined) {
    const argument = /^Argument "(\w+)"/.exec(error.message)?.[1];
    return argument === undefined ? null : { argument, message: shorten(error.message) };
  }
  const node = error.nodes?.[0];
  if (node?.kind === Kind.VARIABLE_DEFINITION && VALUE_REFUSED.test(error.message))
    return variableFault(node.variable.name.value, error);
  return { argument: 'query', message: shorten(error.message) };
}

/**
 * graphql-js: `Variable "$input" got invalid value "x" at "input.expiresAt"; <why>`. The value may be as long as a request
 * and may hold anything, so the place is read behind it, once <why>, which is known, has been taken off.
 */
function variableFault(variable: string, error: GraphQLError): RequestFault {
  const why = error.originalError?.message;
  if (why === undefined || !error.message.endsWith(`; ${why}`)) {
    return { argument: variable, message: shorten(error.message) };
  }
  const place = / at "([^"]+)"$/.exec(error.message.slice(0, -`; ${why}`.length))?.[1] ?? variable;
  const missing = /^Field "(\w+)"/.exec(why)?.[1];
  return { argument: missing ?? lastName(place) ?? variable, message: shorten(`In variable "$${place}": ${why}`) };
}

/** `input.friendIds[3]` -> `friendIds`. */
function lastName(place: string): string | undefined {
  return /([A-Za-z_]\w*)(?:\[\d+\])*$/.exec(place)?.[1];
}

function shorten(message: string): string {
  return message.length <= MAX_MESSAGE_LENGTH ? message : `${message.slice(0, MAX_MESSAGE_LENGTH - 1)}…`;
}
