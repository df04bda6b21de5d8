import { ReplyError } from 'ioredis';
import { isReply } from './failure.ts';

/** Why a connection does not work, for the operator: one line. */
export function describeOutage(cause: unknown): string {
  const error = replyWithoutQuestion(cause) ?? cause;
  return `Redis cannot be ${isReply(error) ? 'used' : 'reached'} (${describeCause(error)}); trying until it can`;
}

/** What a server says that closes a connection at once, which ioredis takes for an answer to nothing. */
function replyWithoutQuestion(error: unknown): Error | null {
  if (!(error instanceof Error)) return null;
  const reply = /^Command queue state error.*Last error: (?:ReplyError: )?(.*)/.exec(error.message)?.[1];
  return reply === undefined ? null : new ReplyError(reply);
}

/** The same without the frame. */
export function describeCause(error: unknown): string {
  return isReply(error) ? describeReply(error.message) : describeTrouble(error);
}

/** What is told of a connection that was closed before anything was said over it. */
export const CLOSED = new Error('it closes connections at once');
/** The same before the first one that worked. */
export const CLOSED_AT_ONCE = new Error(
  `${CLOSED.message}, as it does where its port is one for TLS: REDIS_URL has to begin with rediss:// then`,
);
const NO_HANDSHAKE = new Error('its port may not speak TLS, which rediss:// asks for: no answer');

/** What may be the matter before any connection has worked. `tls`: TLS was tried. */
export function guessAtFirst(error: Error, tls: boolean): Error {
  if (tls && 'code' in error && error.code === 'ETIMEDOUT') return NO_HANDSHAKE;
  return !tls && isHangUp(error) ? CLOSED_AT_ONCE : error;
}

/** The other side has broken the connection off, without a word. */
export function isHangUp(error: Error): boolean {
  return 'code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
}

const REPLIES: readonly [RegExp, string][] = [
  [/^WRONGPASS/, 'it refuses the user name or the password of REDIS_URL: WRONGPASS'],
  [/^NOAUTH/, 'it asks for a password, and REDIS_URL has none: NOAUTH'],
  [
    /^(?:DENIED|NOAUTH)?.*protected mode/,
    'its protected mode lets nobody in from another machine: give it a password, and REDIS_URL too',
  ],
  [/^READONLY/, 'it is a replica, which takes no writes; only its master can be used'],
  [/^ERR No such master/, 'it knows no master of that name, with which REDIS_URL ends'],
  [/^LOADING/, 'it is still loading its data: LOADING'],
];

function describeReply(message: string): string {
  const [first = message] = message.split(/[\r\n]/);
  return REPLIES.find(([pattern]) => pattern.test(first))?.[1] ?? first.trim();
}

const CERTIFICATE = /^(UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|CERT_UNTRUSTED|CERT_SIGNATURE|CERT_CHAIN)/;

function describeTrouble(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error ? String(error.code) : '';
  if (CERTIFICATE.test(code)) {
    return `its certificate is of no authority that is trusted: ${code}; NODE_EXTRA_CA_CERTS names a file with more of them`;
  }
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID') {
    return `its certificate is not valid at this time: ${code}`;
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return `its certificate is for another host: ${error.message}`;
  if (/ALERT_CERTIFICATE_REQUIRED|ALERT_HANDSHAKE_FAILURE/.test(code)) {
    return `it asks for a certificate of ours, and Rollcall has none: ${code}; its tls-auth-clients has to be no or optional`;
  }
  if (/WRONG_VERSION_NUMBER|PACKET_LENGTH/.test(code) || /before secure TLS connection/.test(error.message)) {
    return `its port does not speak TLS, which rediss:// asks for: ${code || 'no answer'}`;
  }
  // An attempt at several addresses of one name fails with an error without a message.
  const parts = error instanceof AggregateError && error.message === '' ? error.errors : [error];
  const [line = ''] = parts
    .map((part: unknown) => (part instanceof Error ? part.message : String(part)))
    .join(', ')
    .split(/[\r\n]/);
  return line === '' ? code || error.name : line;
}
