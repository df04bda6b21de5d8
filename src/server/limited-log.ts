import type { Logger } from '../log.ts';

export interface LogLimit {
  /** How many lines of one message may be written within a span. */
  readonly most: number;
  readonly spanMs: number;
  /** Milliseconds of a clock that never runs back. */
  readonly now: () => number;
}

/** Enough to see what goes wrong, and so few that no client can fill a disk with them. */
const DEFAULT_LIMIT: LogLimit = { most: 10, spanMs: 10_000, now: () => performance.now() };

interface Span {
  readonly endsAt: number;
  written: number;
  leftOut: number;
}

/**
 * A log for what clients can cause: of warnings and errors with the same message so many are written in each span, and
 * the first of a later one tells as `leftOut` how many were not. Messages are few and fixed: what differs from one
 * occasion to the next belongs into the details.
 */
export function limitLog(log: Logger, limit: LogLimit = DEFAULT_LIMIT): Logger {
  const spans = new Map<string, Span>();
  const limited =
    (level: 'warn' | 'error') =>
    (details: object, message: string): void => {
      const now = limit.now();
      const last = spans.get(message);
      if (last !== undefined && now < last.endsAt) {
        if (last.written < limit.most) {
          last.written += 1;
          log[level](details, message);
        } else last.leftOut += 1;
        return;
      }
      spans.set(message, { endsAt: now + limit.spanMs, written: 1, leftOut: 0 });
      const leftOut = last?.leftOut ?? 0;
      log[level](leftOut === 0 ? details : { ...details, leftOut }, message);
    };
  return {
    debug: (details, message) => log.debug(details, message),
    info: (details, message) => log.info(details, message),
    warn: limited('warn'),
    error: limited('error'),
  };
}
