import type { View } from '../presence/record.ts';
import type { FriendView } from '../roster/update.ts';
import { toBinary } from './binary-text.ts';

/** Gives the data that executing an operation gives for one change. Throws where that fails. */
type Show = (change: FriendView) => unknown;
/** Gives its JSON as a binary string. Throws where executing fails. */
export type WriteChange = (change: FriendView) => string;

/** No two values of it, and of nothing else that can be selected, are alike as data. */
const PROBE = {
  id: '\u0000id',
  view: {
    rev: 1,
    status: 'DO_NOT_DISTURB',
    since: 1_001,
    lastActiveAt: 2_002,
    clients: ['OTHER'],
    customStatus: { text: '\u0000text', emoji: '\u0000emoji', expiresAt: 3_003 },
  },
} as const satisfies FriendView;

const SLOTS: ReadonlyMap<string, WriteChange> = new Map<string, WriteChange>([
  [PROBE.id, ({ id }) => text(id)],
  [PROBE.view.status, ({ view }) => text(view.status)],
  [time(PROBE.view.since), ({ view }) => moment(view.since)],
  [time(PROBE.view.lastActiveAt), ({ view }) => moment(view.lastActiveAt)],
  [PROBE.view.clients[0], ({ view }) => JSON.stringify(view.clients)],
  [PROBE.view.customStatus.text, ({ view }) => text(view.customStatus?.text ?? null)],
  [PROBE.view.customStatus.emoji, ({ view }) => text(view.customStatus?.emoji ?? null)],
  [time(PROBE.view.customStatus.expiresAt), ({ view }) => moment(view.customStatus?.expiresAt ?? null)],
]);

/** What a writer has to get right before it is believed. */
const CHECKS: readonly FriendView[] = [
  PROBE,
  change('a"é🙂', { status: 'ONLINE', clients: ['MOBILE', 'WEB'], customStatus: null }),
  change('b', { status: 'OFFLINE', since: null, lastActiveAt: null, clients: [], customStatus: null }),
  change('c', { status: 'AWAY', customStatus: { text: null, emoji: '🙂', expiresAt: null } }),
  change('d', { status: 'ONLINE', customStatus: { text: '"\\\n', emoji: null, expiresAt: 1e12 } }),
];

/**
 * A writer that needs no execution. What is selected is found by executing for a view that is known, and seeing where its
 * values come out: that follows aliases, fragments and directives without a second reading of them. Null where what
 * comes out cannot be told apart so.
 */
export function compileChange(show: Show): WriteChange | null {
  const bare = show({ id: PROBE.id, view: { ...PROBE.view, customStatus: null } });
  const write = writerOf(show(PROBE), bare);
  const right = CHECKS.every((check) => write(check) === toBinary(JSON.stringify(show(check))));
  return right ? write : null;
}

/** `bare` is what is in the place of `value` where there is no custom status. */
function writerOf(value: unknown, bare: unknown): WriteChange {
  if (typeof value === 'string') return SLOTS.get(value) ?? constant(value);
  if (Array.isArray(value)) return SLOTS.get(String(value[0])) ?? constant(value);
  if (typeof value !== 'object' || value === null) return constant(value);
  const write = fieldsOf(value, bare);
  return bare === null ? (change) => (change.view.customStatus === null ? 'null' : write(change)) : write;
}

function fieldsOf(value: object, bare: unknown): WriteChange {
  const without: Partial<Record<string, unknown>> = typeof bare === 'object' && bare !== null ? bare : {};
  const fields = Object.entries(value).map(([key, field], index) => ({
    before: `${index > 0 ? ',' : ''}${text(key)}:`,
    write: writerOf(field, without[key]),
  }));
  return (change) => {
    let json = '{';
    for (const { before, write } of fields) json += before + write(change);
    return `${json}}`;
  };
}

function constant(value: unknown): WriteChange {
  const json = toBinary(JSON.stringify(value));
  return () => json;
}

function text(value: string | null): string {
  return toBinary(JSON.stringify(value));
}

function moment(millis: number | null): string {
  return millis === null ? 'null' : `"${time(millis)}"`;
}

function time(millis: number): string {
  return new Date(millis).toISOString();
}

function change(id: string, view: Partial<View>): FriendView {
  return { id, view: { ...PROBE.view, since: 5e11, lastActiveAt: 6e11, ...view } };
}
