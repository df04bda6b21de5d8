/**
 * The closed set of ways in which Rollcall refuses or fails. Each code is mapped to a client's error exactly once, in
 * `graphql/errors.ts`; everything else that is thrown is a fault of ours and reaches clients masked.
 */
export type ErrorCode =
  | 'UNAUTHENTICATED'
  | 'FORBIDDEN'
  | 'BAD_USER_INPUT'
  | 'RATE_LIMITED'
  | 'LIMIT_EXCEEDED'
  | 'UNAVAILABLE';

export interface ErrorDetails {
  /** The argument or input field that is wrong, for BAD_USER_INPUT. */
  readonly argument?: string;
  /** How long to wait before trying again, for RATE_LIMITED. */
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

export class RollcallError extends Error {
  readonly code: ErrorCode;
  readonly argument: string | undefined;
  readonly retryAfterMs: number | undefined;

  /** `message` is one clear sentence that may be shown to the client as it is. */
  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'RollcallError';
    this.code = code;
    this.argument = details.argument;
    this.retryAfterMs = details.retryAfterMs;
  }
}

export function badInput(argument: string, message: string): RollcallError {
  return new RollcallError('BAD_USER_INPUT', message, { argument });
}

export function limitExceeded(message: string): RollcallError {
  return new RollcallError('LIMIT_EXCEEDED', message);
}

export function rateLimited(message: string, retryAfterMs: number): RollcallError {
  return new RollcallError('RATE_LIMITED', message, { retryAfterMs });
}

export function unavailable(message: string, cause?: unknown): RollcallError {
  return new RollcallError('UNAVAILABLE', message, { cause });
}

/** Whether it may go well if it is tried again. */
export function isUnavailable(error: unknown): boolean {
  return error instanceof RollcallError && error.code === 'UNAVAILABLE';
}
