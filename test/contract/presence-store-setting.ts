import { afterEach, beforeEach } from 'vitest';
import {
  type Audience,
  EMPTY_RECORD,
  type PresenceRecord,
  type Session,
  type UserId,
  type View,
} from '../../src/presence/record.ts';
import { type Millis, UNCOMMITTED } from '../../src/presence/time.ts';
import type { PresenceListener, PresenceStore } from '../../src/store/port.ts';

/** Two nodes' stores over the same data; where the engine has but one, it is both. */
export interface SharedStore {
  readonly here: PresenceStore;
  readonly there: PresenceStore;
  close(): Promise<void>;
}

export type StartStore = () => Promise<SharedStore>;

/** A new, empty store for each test of the suite that this is called in. */
export function freshStore(start: StartStore): () => SharedStore {
  let current: SharedStore | null = null;
  beforeEach(async () => {
    current = await start();
  });
  afterEach(async () => {
    await current?.close();
    current = null;
  });
  return () => {
    if (current === null) throw new Error('No test is running.');
    return current;
  };
}

/** Ids that are special somewhere: in JavaScript, in JSON, in patterns, in Redis, in UTF-8. */
export const HOSTILE_IDS: readonly UserId[] = [
  '__proto__',
  'constructor',
  'rev',
  '"rev":-1',
  '\\"rev":-1',
  'a:b{c}d}',
  '%1 %-1 %s',
  '* ? [a-z]',
  ' ',
  'new\nline\r\n$3\r\nabc',
  '\0',
  '\0"x"',
  'ünïcödé 日本語 🦊',
  '\u2028\ufffd',
  '\ud800',
  '\udfff',
  'x'.repeat(256),
];

export function newView(over: Partial<View> = {}): View {
  return { ...EMPTY_RECORD.everyone.view, rev: UNCOMMITTED, status: 'ONLINE', clients: ['WEB'], ...over };
}

export function newAudience(over: Partial<View> = {}): Audience {
  return { hidden: false, activeAt: null, view: newView(over) };
}

/** The record after a change that everyone sees. */
export function changed(previous: PresenceRecord, over: Partial<PresenceRecord> = {}): PresenceRecord {
  return { ...previous, everyone: newAudience({ since: previous.rev + 1 }), ...over };
}

/** A session that connections of these nodes keep alive. */
export function boundTo(...nodes: readonly string[]): Pick<PresenceRecord, 'sessions'> {
  const sessions = nodes.map(
    (node): Session => ({
      id: `session of ${node}`,
      client: 'WEB',
      activity: 'ACTIVE',
      lastActiveAt: 1,
      expiresAt: null,
      binding: { node, connection: 'c' },
    }),
  );
  return { sessions };
}

export interface CommitOptions {
  readonly over?: Partial<PresenceRecord>;
  readonly wakeAt?: Millis | null;
  readonly visible?: boolean;
}

/** Changes the user's record, whatever it is now, and returns what was committed. */
export async function commit(
  store: PresenceStore,
  userId: UserId,
  { over = {}, wakeAt = null, visible = true }: CommitOptions = {},
): Promise<PresenceRecord> {
  const [previous = EMPTY_RECORD] = await store.load([userId]);
  const result = await store.commit({ userId, previous, record: changed(previous, over), wakeAt, visible });
  if (!result.committed) throw new Error(`Somebody else changed ${userId} meanwhile.`);
  return result.record;
}

export async function loadOne(store: PresenceStore, userId: UserId): Promise<PresenceRecord> {
  const [record] = await store.load([userId]);
  if (!record) throw new Error('load gives one record for each id.');
  return record;
}

/** So many ids of one partition. */
export function neighbours(store: PresenceStore, count: number, partition = 0): UserId[] {
  const ids: UserId[] = [];
  for (let index = 0; ids.length < count; index++) {
    if (store.partitionOf(`user-${index}`) === partition) ids.push(`user-${index}`);
  }
  return ids;
}

export type Event =
  | { readonly type: 'changed'; readonly userId: UserId; readonly record: PresenceRecord }
  | { readonly type: 'missed'; readonly userIds: readonly UserId[] | null }
  | { readonly type: 'lost' }
  | { readonly type: 'restored' };

/** A listener that keeps what it is told and waits for what it shall be told. */
export class Heard implements PresenceListener {
  readonly events: Event[] = [];
  readonly #waiting = new Set<() => void>();

  changed(userId: UserId, record: PresenceRecord): void {
    this.#note({ type: 'changed', userId, record });
  }

  missed(userIds: readonly UserId[] | null): void {
    this.#note({ type: 'missed', userIds });
  }

  lost(): void {
    this.#note({ type: 'lost' });
  }

  restored(): void {
    this.#note({ type: 'restored' });
  }

  get users(): UserId[] {
    return this.events.flatMap((event) => (event.type === 'changed' ? [event.userId] : []));
  }

  get types(): Event['type'][] {
    return this.events.map(({ type }) => type);
  }

  /** Resolves once `holds`; rejects, saying what was heard, when that takes too long. */
  until(what: string, holds: (heard: this) => boolean, withinMs = 20_000): Promise<void> {
    return new Promise((resolve, reject) => {
      const finish = (end: () => void): void => {
        clearTimeout(late);
        this.#waiting.delete(check);
        end();
      };
      const check = (): void => {
        if (holds(this)) finish(resolve);
      };
      const late = setTimeout(
        () => finish(() => reject(new Error(`waited for ${what}, heard ${JSON.stringify(this.events.slice(-5))}`))),
        withinMs,
      );
      this.#waiting.add(check);
      check();
    });
  }

  #note(event: Event): void {
    this.events.push(event);
    for (const check of [...this.#waiting]) check();
  }
}

/** Asks again until the answer is the right one; rejects with the last answer when that takes too long. */
export async function eventually<T>(ask: () => Promise<T>, right: (answer: T) => boolean): Promise<T> {
  const deadline = performance.now() + 20_000;
  for (;;) {
    const answer = await ask();
    if (right(answer)) return answer;
    if (performance.now() > deadline) throw new Error(`The last answer was ${JSON.stringify(answer)}.`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
