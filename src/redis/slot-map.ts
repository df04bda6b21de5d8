import { nameOf, type RedisAddress } from './target.ts';

/** Which master has which slots. */
export interface SlotMap {
  /** By slot; a hole where no master has it. */
  readonly owners: readonly (string | undefined)[];
  /** Of the masters that have slots, by name. */
  readonly addresses: ReadonlyMap<string, RedisAddress>;
  /** One of them may be a master tomorrow, and knows where the others are today. */
  readonly replicas: readonly RedisAddress[];
}

export const NO_SLOTS: SlotMap = { owners: [], addresses: new Map(), replicas: [] };

/** Reads the answer to CLUSTER SLOTS. A node whose endpoint is not known is at the same host as the one that was asked. */
export function parseSlots(answer: unknown, askedHost: string): SlotMap {
  const owners: (string | undefined)[] = [];
  const addresses = new Map<string, RedisAddress>();
  const replicas = new Map<string, RedisAddress>();
  for (const range of Array.isArray(answer) ? answer : []) {
    const [from, to, ...nodes] = range as [number, number, ...[string | null, number][]];
    const [master, ...others] = nodes.map(([host, port]) => ({ host: hostOr(host, askedHost), port }));
    if (!master) continue;
    const name = nameOf(master);
    addresses.set(name, master);
    for (let slot = from; slot <= to; slot++) owners[slot] = name;
    for (const replica of others) replicas.set(nameOf(replica), replica);
  }
  return { owners, addresses, replicas: [...replicas.values()] };
}

export interface Redirect {
  /** For good, or only for this one call while the slot is on its way. */
  readonly kind: 'moved' | 'ask';
  readonly slot: number;
  readonly address: RedisAddress;
}

/** Reads `MOVED 3999 10.0.0.1:6379` and `ASK …`; null for what is neither. */
export function parseRedirect(error: unknown, askedHost: string): Redirect | null {
  const text = error instanceof Error ? error.message : '';
  const [, kind, slot, host, port] = /^(MOVED|ASK) (\d+) (.*):(\d+)$/.exec(text) ?? [];
  if (kind === undefined || host === undefined) return null;
  const address = { host: hostOr(host, askedHost), port: Number(port) };
  return { kind: kind === 'MOVED' ? 'moved' : 'ask', slot: Number(slot), address };
}

function hostOr(host: string | null, asked: string): string {
  return host === null || host === '' || host === '?' ? asked : host.replace(/^\[|\]$/g, '');
}
