import type { IncomingMessage, ServerResponse } from 'node:http';
import { CompiledOperations } from '../graphql/compiled-operation.ts';
import { answerTooLong } from './answer.ts';
import { answerPost, readBody } from './plain-post.ts';
import { createYogaServer, type GraphQLOverHttp } from './yoga.ts';

/**
 * GraphQL over POST, GET and Server-Sent Events, for what has passed the gate. Resolves with the answer, or with null when
 * it has been given already or nobody waits for it any more.
 */
export function createGraphQLOverHttp(options: GraphQLOverHttp) {
  const yoga = createYogaServer(options);
  const operations = new CompiledOperations(options.schema);
  const { messageBytes } = options.limits.config;
  return async (request: IncomingMessage, response: ServerResponse): Promise<Response | null> => {
    const context = { req: request, res: response };
    if (request.method !== 'POST') return yoga.handleNodeRequestAndResponse(request, response, context);
    const body = await readBody(request, messageBytes);
    if (body === 'too long') answerTooLong(request, response, messageBytes);
    if (body === null || body === 'too long') return null;
    if (await answerPost(options, operations, request, response, body)) return null;
    const headers = Object.entries(request.headers).flatMap(([name, value]): [string, string][] =>
      value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : value]],
    );
    const url = `http://${request.headers.host ?? 'localhost'}/graphql`;
    return yoga.fetch(new Request(url, { method: 'POST', headers, body: body.toString('utf8') }), context);
  };
}
