import type { IncomingMessage, ServerResponse } from 'node:http';
import { toBinary } from '../graphql/binary-text.ts';
import type { CompiledOperations } from '../graphql/compiled-operation.ts';
import { parseObject } from '../graphql/json.ts';
import { type AskedOperation, askedOperation } from './asked-operation.ts';
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
    'content-type': `${type}; charset=utf-8`,
    'content-length': text.length,
  });
  response.end(text, 'latin1');
  return true;
}

/** What a POST may hold; Yoga says of anything else that it does not know it. */
const PARAMS: ReadonlySet<string> = new Set(['query', 'documentId', 'extensions', 'operationName', 'variables']);

/** Null for whatever is not a request of the plainest form. */
function parse(body: Buffer): AskedOperation | null {
  const params = parseObject(body.toString('utf8'));
  return params !== null && Object.keys(params).every((name) => PARAMS.has(name)) ? askedOperation(params) : null;
}
