import type { Friendships, Message } from './data.ts';
import type { SliceOptions } from './options.ts';

/** What is replayed. */
export interface Slice {
  /** Unix seconds. */
  readonly from: number;
  readonly until: number;
  readonly messages: readonly Message[];
  /** Everybody who writes or is written to, and all their friends. */
  readonly viewers: readonly string[];
}

const DAY_S = 86_400;
/** How long a replay takes when no speed is asked for: this, or longer where more than so many messages come a second. */
const REPLAY_S = 36;
const MESSAGES_A_SECOND = 100;

export function cutSlice(messages: readonly Message[], friendships: Friendships, options: SliceOptions): Slice {
  const [first, last] = [messages[0]?.at ?? 0, messages.at(-1)?.at ?? 0];
  const spanS = options.hours * 3_600;
  const from = options.all ? first : (options.from ?? busiest(messages, spanS));
  const until = options.all ? last + 1 : from + spanS;
  const chosen = messages.filter(({ at }) => at >= from && at < until);
  if (chosen.length === 0) throw new Error(`There is no message within ${options.hours} h of ${iso(from)}.`);
  const viewers = new Set(chosen.flatMap((message) => [message.from, message.to]));
  for (const person of [...viewers]) for (const friend of friendships.get(person) ?? []) viewers.add(friend);
  return { from, until, messages: chosen, viewers: [...viewers] };
}

/** Seconds of the campus a second of replay. */
export function speedFor({ from, until, messages }: Slice): number {
  return (until - from) / Math.max(REPLAY_S, messages.length / MESSAGES_A_SECOND);
}

export function iso(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace(/\.000Z$/, 'Z');
}

/** Where the most messages lie within `spanS` of each other, on the day with the most messages. */
function busiest(messages: readonly Message[], spanS: number): number {
  const days = new Map<number, Message[]>();
  for (const message of messages) {
    const day = Math.floor(message.at / DAY_S);
    const sameDay = days.get(day);
    if (sameDay) sameDay.push(message);
    else days.set(day, [message]);
  }
  const [day = []] = [...days.values()].sort((a, b) => b.length - a.length);
  let best = { from: day[0]?.at ?? 0, count: 0 };
  let end = 0;
  for (const [start, { at }] of day.entries()) {
    while (end < day.length && (day[end]?.at ?? 0) < at + spanS) end++;
    if (end - start > best.count) best = { from: at, count: end - start };
  }
  return best.from;
}
