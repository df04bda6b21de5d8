import { fileURLToPath } from 'node:url';
import type { Contestant } from './contestant.ts';

/** What the servers of all peers have in common: they are compiled, and run as plain JavaScript. */
export function peer(script: string): Pick<Contestant, 'script' | 'args' | 'ready'> {
  return {
    script: fileURLToPath(new URL(`../.build/${script}.js`, import.meta.url)),
    args: [],
    ready: /listening at http:\/\/[^\s/]+:(\d+)\//,
  };
}

/** A user's state with a mark in it, the same for all peers. */
export function stateOf(id: string, mark: string, at: string): PeerState {
  const customStatus = { text: mark, emoji: null, expiresAt: null };
  return { id, status: 'ONLINE', since: at, lastActiveAt: at, clients: ['WEB'], customStatus };
}

export interface PeerState {
  readonly id: string;
  readonly status: string;
  readonly since: string;
  readonly lastActiveAt: string;
  readonly clients: readonly string[];
  readonly customStatus: { readonly text: string; readonly emoji: null; readonly expiresAt: null };
}

/** When everybody came online. */
export const SINCE = '2026-11-23T09:30:00.000Z';
