import type { OperationRequest } from '../graphql/documents.ts';
import { isObject, type JsonObject } from '../graphql/json.ts';

/** What a client asks for, in the form that GraphQL over HTTP and over WebSocket have in common. */
export interface AskedOperation extends OperationRequest {
  readonly variables: JsonObject | null | undefined;
}

/** Null where a member is of another form. Members that are not known are left out. */
export function askedOperation(params: JsonObject): AskedOperation | null {
  const { query, documentId, extensions, operationName, variables } = params;
  if (!isTextIfGiven(query) || !isTextIfGiven(operationName)) return null;
  if (!isObjectIfGiven(variables) || !isObjectIfGiven(extensions)) return null;
  return { query, documentId, extensions, operationName, variables };
}

function isTextIfGiven(value: unknown): value is string | null | undefined {
  return value === undefined || value === null || typeof value === 'string';
}

function isObjectIfGiven(value: unknown): value is JsonObject | null | undefined {
  return value === undefined || value === null || isObject(value);
}
