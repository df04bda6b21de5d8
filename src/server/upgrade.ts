import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';

/** Whether a request that asks for an upgrade asks for WebSocket. */
export function wantsWebSocket(request: IncomingMessage): boolean {
  return request.headers.upgrade?.toLowerCase() === 'websocket';
}

/**
 * Declines an upgrade that may be declined, as HTTP/1.1 has it: the request is answered as if it had not asked (RFC 9110,
 * 7.8). Java's client and `curl --http2` ask so for HTTP/2 with every request. Node.js takes such a request out of HTTP's
 * hands for good, so the connection is handed to the server anew, with the request before all else. `head` is what
 * came behind the request's head, its body among it.
 */
export function declineUpgrade(server: Server, request: IncomingMessage, socket: Duplex, head: Buffer): void {
  const lines = [`${request.method} ${request.url} HTTP/${request.httpVersion}`];
  const { rawHeaders } = request;
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const [name = '', value = ''] = rawHeaders.slice(index, index + 2);
    const kept = withoutUpgrade(name.toLowerCase(), value);
    if (kept !== null) lines.push(`${name}: ${kept}`);
  }
  // Node.js reads header values as Latin-1, so each character is the byte that it was.
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]));
  server.emit('connection', socket);
}

/** The value of a header without what asks for the upgrade; null for a header that does nothing else. */
function withoutUpgrade(name: string, value: string): string | null {
  if (name === 'upgrade' || name === 'http2-settings') return null;
  if (name !== 'connection') return value;
  const options = value.split(',').map((option) => option.trim());
  const others = options.filter((option) => !['upgrade', 'http2-settings'].includes(option.toLowerCase()));
  return others.length > 0 ? others.join(', ') : null;
}
