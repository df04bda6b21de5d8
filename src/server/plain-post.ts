import type { IncomingMessage, ServerResponse } from 'node:http';
import { toBinary } from '../graphql/binary-text.ts';
import type { CompiledOperations } from '../graphql/compiled-operation.ts';
import type { OperationRequest } from '../graphql/documents.ts';
import type { Identity } from './auth.ts';
import { tokenFromHeader } from './credentials.ts';
import { resultTypeFor } from './media-types.ts';
import type { GraphQLOverHttp } from './yoga.ts';

/** Null when the client went away before it had sent all of it, `too long` beyond `maxBytes`; the rest is not read then. */
export function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer | 'too long' | null> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const take = (chunk: Buffer): void => {
      length += chunk.length;
      if (length <= maxBytes) {
        chunks.push(chunk);
        return;
      }
      request.off('data', take);
      resolve('too long');
    };
    request.on('data', take);
    request.once('end', () => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)));
    request.once('close', () => resolve(null));
  });
}

/**
 * Answers queries and mutations the way most of them come, without the layers that other requests need; what is answered
 * is the same. False, and nothing was done, where something is wrong or unusual about the request.
 */
export async function answerPost(
  options: GraphQLOverHttp,
  operations: CompiledOperations,
  request: IncomingMessage,
  response: ServerResponse,
  body: Buffer,
): Promise<boolean> {
  const type = resultTypeFor(request.headers.accept ?? null);
  const asked = type === null ? null : parse(body);
  if (asked === null) return false;
  const { schema, documents, report, rollcall, metrics } = options;
  const prepared = documents.prepare(asked, report);
  if (prepared.errors || prepared.operation.operation === 'subscription') return false;
  let identity: Identity;
  try {
    const token = tokenFromHeader(request.headers.authorization);
    // Who is told to sign in may be told by the status too.
    if (token === null) return false;
    identity = await options.authenticate(token);
  } catch {
    // It is asked once more, and the answer is written, by who answers the unusual.
    return false;
  }
  // How to say so to whom is known by who answers the unusual.
  if (options.limits.operations.begin(identity.userId)) return false;
  const caller = { userId: identity.userId, admin: identity.admin, connection: null };
  const { document } = prepared;
  const result = await operations.run(prepared, {
    schema,
    document,
    operationName: asked.operationName,
    variables: asked.variables,
    context: { rollcall, caller },
    report,
  });
  // Without data nothing has been executed.
  if (typeof result !== 'string' && result.data === undefined) return false;
  metrics.operations.inc({ transport: 'http', type: prepared.operation.operation });
  const text = typeof result === 'string' ? result : toBinary(JSON.stringify(result));
  response.writeHead(200, {
    'content-type': `${resultTypeFor(request.headers.accept ?? null)}; charset=utf-8`,
    'content-length': text.length,
  });
  response.end(text, 'latin1');
  return true;
}

interface Asked extends OperationRequest {
  readonly variables: Readonly<Record<string, unknown>> | null | undefined;
}

/** Null for whatever is not a request of the plainest form. */
function parse(body: Buffer): Asked | null {
  let value: unknown;
  try {
    value = JSON.parse(body.toString('utf8'));
  } catch {
    return null;
  }
  if (!isObject(value)) return null;
  const { query, documentId, extensions, operationName, variables, ...rest } = value;
  if (Object.keys(rest).length > 0) return null;
  if (query !== undefined && query !== null && typeof query !== 'string') return null;
  if (extensions !== undefined && extensions !== null && !isObject(extensions)) return null;
  if (operationName !== undefined && operationName !== null && typeof operationName !== 'string') return null;
  if (variables !== undefined && variables !== null && !isObject(variables)) return null;
  return { query, documentId, extensions, operationName, variables };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
