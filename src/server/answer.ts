import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { ClientErrorCode } from '../graphql/errors.ts';
import { SECURITY_HEADERS } from './security-headers.ts';

/** Of a body that nobody reads so much is taken and thrown away, so that the answer can be read; then the line is cut. */
const MAX_DISCARDED_BYTES = 4_194_304;

export function answerText(
  response: ServerResponse,
  status: number,
  text: string,
  contentType = 'text/plain; charset=utf-8',
): void {
  response.statusCode = status;
  response.setHeader('content-type', contentType);
  response.end(text.endsWith('\n') ? text : `${text}\n`);
}

export interface AnsweredError {
  readonly status: number;
  readonly code: ClientErrorCode;
  readonly message: string;
  readonly argument?: string;
}

/** A refusal in the form in which GraphQL tells of errors, whatever comes in the body. */
export function answerError(request: IncomingMessage, response: ServerResponse, error: AnsweredError): void {
  const { status, message, ...extensions } = error;
  discardBody(request);
  answerText(
    response,
    status,
    JSON.stringify({ errors: [{ message, extensions }] }),
    'application/json; charset=utf-8',
  );
}

/** The body is longer than `maxBytes`. */
export function answerTooLong(request: IncomingMessage, response: ServerResponse, maxBytes: number): void {
  const message = `The body is longer than ${maxBytes} bytes.`;
  answerError(request, response, { status: 413, code: 'BAD_USER_INPUT', message, argument: 'query' });
}

/** Nobody reads the body: what comes is thrown away, so that the connection can be used again. */
export function discardBody(request: IncomingMessage): void {
  let discarded = 0;
  request.on('data', (chunk: Buffer) => {
    discarded += chunk.length;
    if (discarded > MAX_DISCARDED_BYTES) request.socket.destroy();
  });
}

/** Answers in place of HTTP's machinery, and ends the connection. */
export function answerRaw(socket: Duplex, status: number, reason: string): void {
  const body = `${reason}\n`;
  socket.once('finish', () => socket.destroy());
  socket.end(
    [
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
      'connection: close',
      'content-type: text/plain; charset=utf-8',
      `content-length: ${Buffer.byteLength(body)}`,
      ...Object.entries(SECURITY_HEADERS).map(([name, value]) => `${name}: ${value}`),
      '',
      body,
    ].join('\r\n'),
  );
}
