import { startProcess } from '../support/server.ts';

export interface RunningServer {
  /** The GraphQL endpoint for POST, GET and SSE. */
  readonly url: string;
  readonly wsUrl: string;
  stop(): Promise<void>;
}

/** The built product with the embedded engine, as `npm start` runs it. */
export async function startServerForClients(): Promise<RunningServer> {
  const server = await startProcess({ env: {} });
  const url = `${server.url}/graphql`;
  return { url, wsUrl: url.replace('http', 'ws'), stop: async () => void (await server.stop()) };
}
