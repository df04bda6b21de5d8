// The usual stack: Yoga, Pothos, graphql-ws and graphql-redis-subscriptions, put together as their documentation says.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ExecutionArgs } from 'graphql';
import type { OperationResult } from 'graphql-ws';
import { useServer } from 'graphql-ws/use/ws';
import { createYoga } from 'graphql-yoga';
import { WebSocketServer } from 'ws';
import { PresenceService } from './stack-presence.ts';
import { buildStackSchema, type StackContext } from './stack-schema.ts';

const presence = new PresenceService(process.env['REDIS_URL'] ?? '');

const yoga = createYoga({
  schema: buildStackSchema(),
  logging: false,
  landingPage: false,
  graphiql: false,
  context: ({
    request,
    connectionParams,
  }: Partial<{ request: Request; connectionParams: ConnectionParams }>): StackContext => ({
    userId: userOf(connectionParams?.authorization ?? request?.headers.get('authorization')),
    presence,
  }),
});

interface ConnectionParams {
  readonly authorization?: string;
}

interface Root {
  readonly execute: (args: ExecutionArgs) => OperationResult;
  readonly subscribe: (args: ExecutionArgs) => OperationResult;
}

const server = createServer(yoga);
const sockets = new WebSocketServer({ server, path: yoga.graphqlEndpoint });

useServer(
  {
    // What Yoga's plugins have made of it.
    execute: (args) => (args.rootValue as Root).execute(args),
    subscribe: (args) => (args.rootValue as Root).subscribe(args),
    onSubscribe: async (context, _id, params) => {
      const enveloped = yoga.getEnveloped({
        ...context,
        req: context.extra.request,
        socket: context.extra.socket,
        params,
      });
      const args = {
        schema: enveloped.schema,
        operationName: params.operationName,
        document: enveloped.parse(params.query),
        variableValues: params.variables,
        contextValue: await enveloped.contextFactory(),
        rootValue: { execute: enveloped.execute, subscribe: enveloped.subscribe },
      };
      const errors = enveloped.validate(args.schema, args.document);
      return errors.length > 0 ? errors : args;
    },
  },
  sockets,
);

server.listen(0, '127.0.0.1', () => {
  console.log(`listening at http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`);
});
process.once('SIGTERM', () => process.exit(0));

function userOf(authorization: string | null | undefined): string {
  const userId = authorization?.startsWith('Bearer ') ? authorization.slice('Bearer '.length) : '';
  if (userId === '') throw new Error('Sign in.');
  return userId;
}
