import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from '@apollo/client';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';
import { generate } from '@graphql-codegen/cli';
import { Client, fetchExchange, subscriptionExchange } from '@urql/core';
import { persistedExchange } from '@urql/exchange-persisted';
import { print } from 'graphql';
import { createClient } from 'graphql-ws';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import WebSocket from 'ws';
import {
  AddFriendDocument,
  FriendsDocument,
  FriendsPresenceDocument,
  HeartbeatDocument,
  type RosterUpdateFieldsFragment,
} from '../../src/client/gql/graphql.ts';
import { Reader } from '../support/reader.ts';
import { type ServerProcess, startProcess } from '../support/server.ts';
import { streamOf } from './results.ts';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const authorization = 'Bearer ada';
const beat = { input: { sessionId: 'tab' } };

let server: ServerProcess | null = null;
/** Of each request over HTTP that a client has made: `text`, `hash` or `both`. */
let sent: string[];
beforeEach(() => {
  sent = [];
});
afterEach(async () => void (await server?.stop()));

async function start(env: Record<string, string> = {}): Promise<{ url: string; wsUrl: string }> {
  server = await startProcess({ env: { DRAIN_MS: '0', ...env } });
  const url = `${server.url}/graphql`;
  return { url, wsUrl: url.replace('http', 'ws') };
}

const watchedFetch: typeof fetch = (input, init) => {
  const { query, documentId, extensions } = JSON.parse(String(init?.body)) as Record<string, unknown>;
  const named = documentId !== undefined || extensions !== undefined;
  sent.push(query === undefined ? 'hash' : named ? 'both' : 'text');
  return fetch(input, init);
};

const wsClient = (url: string) =>
  createClient({ url, webSocketImpl: WebSocket, connectionParams: { authorization }, retryAttempts: 0 });

describe('automatic persisted queries', () => {
  it('Apollo Client sends a text once, and hashes from then on', async () => {
    const { url } = await start();
    const connect = () =>
      new ApolloClient({
        link: ApolloLink.from([
          new PersistedQueryLink({ sha256 }),
          new HttpLink({ uri: url, headers: { authorization }, fetch: watchedFetch }),
        ]),
        cache: new InMemoryCache(),
      });
    const client = connect();
    for (let turn = 0; turn < 2; turn += 1) {
      const { data } = await client.mutate({ mutation: HeartbeatDocument, variables: beat });
      expect(data?.heartbeat.session.id).toBe('tab');
    }
    expect(sent).toEqual(['hash', 'both', 'hash']);
    await client.query({ query: FriendsDocument });
    expect(sent.slice(3)).toEqual(['hash', 'both']);
    // Another client of the same product finds it known.
    const { data } = await connect().query({ query: FriendsDocument });
    expect(data?.viewer.id).toBe('ada');
    expect(sent.slice(5)).toEqual(['hash']);
  });

  it('urql does so too, for subscriptions over WebSocket as well', async () => {
    const { url, wsUrl } = await start();
    const socket = wsClient(wsUrl);
    const subscribed: string[] = [];
    const client = new Client({
      url,
      preferGetMethod: false,
      fetch: watchedFetch,
      fetchOptions: { headers: { authorization } },
      exchanges: [
        persistedExchange({
          preferGetForPersistedQueries: false,
          enableForMutation: true,
          enableForSubscriptions: true,
        }),
        fetchExchange,
        subscriptionExchange({
          forwardSubscription: ({ query, variables, extensions }) => ({
            subscribe: (sink) => {
              subscribed.push(query ? 'both' : 'hash');
              const payload = { query: query ?? '', variables, extensions: extensions as Record<string, unknown> };
              const unsubscribe = socket.subscribe<object>(payload, {
                next: ({ data, errors }) =>
                  sink.next({ data: data ?? null, ...(errors ? { errors: [...errors] } : {}) }),
                // Errors of the operation come as a list, which urql takes for a result.
                error: (errors) =>
                  Array.isArray(errors) ? sink.next({ data: null, errors: [...errors] }) : sink.error(errors),
                complete: sink.complete,
              });
              return { unsubscribe };
            },
          }),
        }),
      ],
    });
    for (let turn = 0; turn < 2; turn += 1) {
      const { data } = await client.mutation(HeartbeatDocument, beat);
      expect(data?.heartbeat.session.id).toBe('tab');
    }
    expect(sent).toEqual(['hash', 'both', 'hash']);
    for (const expected of [['hash', 'both'], ['hash']]) {
      const reader = new Reader(
        streamOf<RosterUpdateFieldsFragment>((sink) => {
          const { unsubscribe } = client.subscription(FriendsPresenceDocument, {}).subscribe(({ data, error }) => {
            if (error) sink.error(error);
            else if (data) sink.next(data.friendsPresence);
          });
          return unsubscribe;
        }),
      );
      await reader.until('the roster', ({ items }) => items.length > 0);
      expect(subscribed.splice(0)).toEqual(expected);
      await reader.close();
    }
    await socket.dispose();
  });

  it('graphql-ws names a document by its hash alone', async () => {
    const { wsUrl } = await start();
    const client = wsClient(wsUrl);
    const query = print(FriendsPresenceDocument);
    const first = async (payload: { query: string; extensions?: Record<string, unknown> }): Promise<unknown> => {
      for await (const { data } of client.iterate(payload)) return data;
      return null;
    };
    const byText = await first({ query });
    expect(byText).toMatchObject({ friendsPresence: { reset: true } });
    const extensions = { persistedQuery: { version: 1, sha256Hash: sha256(query) } };
    expect(await first({ query: '', extensions })).toEqual(byText);
    await client.dispose();
  });
});

describe('documents that graphql-codegen has persisted', () => {
  let folder: string;
  let documents: Readonly<Record<string, string>>;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rollcall-'));
    // Its own type leaves open what it gives.
    const files: readonly { readonly filename: string; readonly content: string }[] = await generate(
      {
        silent: true,
        schema: 'schema/schema.graphql',
        documents: 'schema/operations/*.graphql',
        generates: { 'gql/': { preset: 'client', presetConfig: { persistedDocuments: true, fragmentMasking: false } } },
      },
      false,
    );
    const content = files.find(({ filename }) => filename.endsWith('persisted-documents.json'))?.content ?? '';
    documents = JSON.parse(content);
    await writeFile(join(folder, 'persisted-documents.json'), content);
  });
  afterEach(() => rm(folder, { recursive: true }));

  const idOf = (operation: string): string =>
    Object.entries(documents).find(([, text]) => text.includes(operation))?.[0] ?? '';

  it('are all that a server runs that is set up so', async () => {
    const { url, wsUrl } = await start({
      PERSISTED_DOCUMENTS: join(folder, 'persisted-documents.json'),
      PERSISTED_DOCUMENTS_ONLY: 'true',
    });
    await server?.says(/Nothing is run but the documents in .*persisted-documents\.json; there is no GraphiQL\./);
    expect(idOf('mutation Heartbeat')).toMatch(/^sha256:[0-9a-f]{64}$/);
    const ask = async (body: object) => {
      const headers = { authorization, 'content-type': 'application/json' };
      return (await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })).json();
    };
    expect(await ask({ documentId: idOf('mutation Heartbeat'), variables: beat })).toMatchObject({
      data: { heartbeat: { session: { id: 'tab' } } },
    });
    expect(await ask({ query: print(AddFriendDocument), variables: { input: { userId: 'bob' } } })).toMatchObject({
      errors: [{ extensions: { code: 'BAD_USER_INPUT', argument: 'query' } }],
    });

    // The way that Apollo documents for ids made in advance: they are sent in the place of the hash.
    const link = ApolloLink.from([
      new PersistedQueryLink({ generateHash: () => idOf('query Friends').replace('sha256:', '') }),
      new HttpLink({ uri: url, headers: { authorization }, fetch: watchedFetch }),
    ]);
    const { data } = await new ApolloClient({ link, cache: new InMemoryCache() }).query({ query: FriendsDocument });
    expect(data?.viewer.id).toBe('ada');
    expect(sent).toEqual(['hash']);

    const socket = wsClient(wsUrl);
    const payload = { query: '', documentId: idOf('subscription FriendsPresence') };
    for await (const { data: update } of socket.iterate(payload)) {
      expect(update).toMatchObject({ friendsPresence: { reset: true } });
      break;
    }
    await expect(socket.iterate({ query: '{ viewer { id } }' }).next()).rejects.toMatchObject([
      { extensions: { code: 'BAD_USER_INPUT', argument: 'query' } },
    ]);
    await socket.dispose();
  });
});
