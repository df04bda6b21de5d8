import { type Client, createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import type { Shown } from './offline.ts';

type Variables = Record<string, unknown>;

export const PRESENCE = 'presence { status since lastActiveAt }';

/** One operation over HTTP. Rejects unless it was answered without errors. `T` is what the document selects. */
export async function post<T>(url: string, token: string, query: string, variables: Variables = {}): Promise<T> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ query, variables }),
  });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`HTTP ${response.status}: ${text}`);
  return dataOf<T>(JSON.parse(text));
}

/** One WebSocket of one user. It does not come back when it is lost. */
export class Connection {
  readonly #client: Client;
  #closed = false;

  /** Connects with the first operation and stays connected while a subscription lives. */
  constructor(url: string, token: string) {
    this.#client = createClient({
      url: `${url.replace(/^http/, 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      connectionParams: { authorization: `Bearer ${token}` },
      retryAttempts: 0,
    });
  }

  /** `ended` is called at most once, when the stream ends by itself or by a failure. `T` is what the document selects. */
  subscribe<T>(query: string, next: (data: T) => void, ended: (why: string) => void): void {
    const end = (why: string): void => {
      if (!this.#closed) ended(why);
    };
    this.#client.subscribe(
      { query },
      {
        next: (result) => {
          try {
            next(dataOf<T>(result));
          } catch (error) {
            end(describe(error));
          }
        },
        error: (error) => end(describe(error)),
        complete: () => end('it was completed'),
      },
    );
  }

  /** One query or mutation. Rejects unless it was answered without errors. `T` is what the document selects. */
  ask<T>(query: string, variables: Variables = {}): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#client.subscribe(
        { query, variables },
        {
          next: (result) => {
            try {
              resolve(dataOf<T>(result));
            } catch (error) {
              reject(error);
            }
          },
          error: (error) => reject(new Error(describe(error))),
          complete: () => reject(new Error('The operation ended without an answer.')),
        },
      );
    });
  }

  /** Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#client.dispose();
  }
}

/** Presence as the product spells it. */
export interface WirePresence {
  readonly status: string;
  readonly since: string | null;
  readonly lastActiveAt: string | null;
}

export function shownOf({ status, since, lastActiveAt }: WirePresence): Shown {
  const time = (text: string | null): number | null => (text === null ? null : Date.parse(text));
  return { status, since: time(since), lastActiveAt: time(lastActiveAt) };
}

function dataOf<T>(result: { readonly data?: unknown; readonly errors?: unknown }): T {
  if (result.errors !== undefined || result.data === undefined || result.data === null) {
    throw new Error(`Answered with ${JSON.stringify(result)}`);
  }
  // The caller names the type of what its own document selects; the schema guarantees the rest.
  return result.data as T;
}

function describe(error: unknown): string {
  if (error instanceof Error) return error.message;
  if (typeof error !== 'object' || error === null || Array.isArray(error)) return JSON.stringify(error);
  // The events of a WebSocket hold what they say in getters.
  const { type, code, reason, message } = error as Record<string, unknown>;
  return Object.entries({ type, code, reason, message })
    .filter(([, value]) => value !== undefined && value !== '')
    .map(([name, value]) => `${name} ${String(value)}`)
    .join(', ');
}
