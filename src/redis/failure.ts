import { ReplyError } from 'ioredis';
import { RollcallError, unavailable } from '../errors.ts';

/**
 * Replies by which Redis says "not now": it loads, fails over, is full or is busy. Inside a script older servers put
 * the code into the middle of their own message, after a dash.
 */
const NOT_NOW =
  /(?:^|[\s-])(LOADING|READONLY|CLUSTERDOWN|MASTERDOWN|OOM|TRYAGAIN|MOVED|ASK|BUSY|NOREPLICAS|MISCONF|UNKILLABLE|NOAUTH|WRONGPASS)\b/;
/** The keys of one call are spread over two masters while their slot is on its way. A script learns it in other words. */
const ON_ITS_WAY = /^TRYAGAIN|access a non local key/;
/** The master cannot be used, or is none any more: another one may be, soon. */
const AWAY = /^(LOADING|READONLY|CLUSTERDOWN|MASTERDOWN)\b/;

/**
 * The one place where trouble with Redis becomes an error of ours. Connection trouble and "not now" replies become
 * UNAVAILABLE; any other reply means that we sent something wrong and stays what it is.
 */
export function toRollcallError(error: unknown): unknown {
  if (error instanceof RollcallError) return error;
  if (isReply(error)) {
    if (isTryAgain(error)) return unavailable('The store cannot be reached at the moment (TRYAGAIN).', error);
    const code = NOT_NOW.exec(error.message)?.[1];
    return code === undefined ? error : unavailable(`The store cannot be reached at the moment (${code}).`, error);
  }
  if (isOurMistake(error)) return error;
  return unavailable('The store cannot be reached at the moment.', error);
}

/** What to throw for an error that a script has returned for a part of its work. */
export function replyFailure(message: string): unknown {
  return toRollcallError(new ReplyError(message));
}

/** Whether Redis answered, with an error; and to which command. */
export function isReply(error: unknown): error is Error & { readonly command?: { readonly name: string } } {
  return error instanceof ReplyError;
}

/** Redis Cluster says that this is to be tried again when a slot has arrived where it is going. */
export function isTryAgain(error: unknown): boolean {
  return isReply(error) && ON_ITS_WAY.test(error.message);
}

/** What failed may do somewhere else, or in a moment. */
export function isAway(error: unknown): boolean {
  return isReply(error) ? AWAY.test(error.message) : !isOurMistake(error);
}

function isOurMistake(error: unknown): boolean {
  return error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError;
}
