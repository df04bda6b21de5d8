import { setTimeout as delay } from 'node:timers/promises';
import type { Message } from './data.ts';
import type { Spans } from './offline.ts';
import type { Slice } from './slice.ts';

export type Step =
  | { readonly type: 'message'; readonly at: number; readonly message: Message }
  /** Nobody writes for LULL_MS. */
  | { readonly type: 'lull'; readonly at: number }
  | { readonly type: 'checkpoint'; readonly at: number };

/** Long enough for a gap, the jitter of both ends included. */
export const LULL_MS = 450;

/**
 * What to do when, `at` in milliseconds of replay. Checkpoints come after equal numbers of messages. A lull is the length of
 * a span before a checkpoint for each of the spans: those who wrote around it reach their deadlines around the checkpoint,
 * which thus comes into a gap in the middle of all that goes on, with people in every status.
 */
export function timelineOf(slice: Slice, speed: number, checkpoints: number, { awayMs, leaseMs }: Spans): Step[] {
  const steps: Step[] = slice.messages.map((message) => ({
    type: 'message',
    at: ((message.at - slice.from) / speed) * 1000,
    message,
  }));
  const lastBefore = (number: number): Step | undefined =>
    steps[Math.ceil((steps.length * number) / (checkpoints + 1)) - 1];
  const between: Step[] = [];
  for (let number = 1; number <= checkpoints; number++) {
    const at = lastBefore(number)?.at ?? 0;
    between.push({ type: 'checkpoint', at });
    // The replay stands still in a lull, so what lies between it and the checkpoint in time is less in replay.
    between.push({ type: 'lull', at: Math.max(at - (leaseMs - 2 * LULL_MS), 0) });
    between.push({ type: 'lull', at: Math.max(at - (awayMs - LULL_MS), 0) });
  }
  // Of what is at the same moment, messages come first.
  return [...steps, ...between].sort((a, b) => a.at - b.at);
}

/** The clock of a replay. It stands still while `pause` runs. */
export class ReplayClock {
  #startedAt = performance.now();

  /** Resolves when the replay is at `at`; at once when it is late. */
  async until(at: number): Promise<void> {
    const wait = this.#startedAt + at - performance.now();
    if (wait > 0) await delay(wait);
  }

  async pause<T>(act: () => Promise<T>): Promise<T> {
    const pausedAt = performance.now();
    try {
      return await act();
    } finally {
      this.#startedAt += performance.now() - pausedAt;
    }
  }
}
