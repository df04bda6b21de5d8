import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';

/** All sockets read into this: what is in it is worth something only until the callback returns. */
const INBOX = Buffer.allocUnsafe(256 * 1024);
const HEADERS_END = Buffer.from('\r\n\r\n');
const OP_TEXT = 1;
const OP_CLOSE = 8;
const OP_PING = 9;
const OP_PONG = 10;

export interface SocketAddress {
  readonly port: number;
  readonly path: string;
  readonly protocol: string | null;
  /** A loopback address to come from: one address has ports for some 28,000 connections only. */
  readonly from?: string | undefined;
}

export interface SocketListener {
  opened(): void;
  /** One text frame: from `start` to `end` of `bytes`, which is used again afterwards. */
  text(bytes: Buffer, start: number, end: number): void;
  /** Once, at the end, whoever ended it. Null for an end that `close` or `drop` asked for. */
  closed(why: string | null): void;
}

/**
 * A WebSocket client that does no more than these measurements need, so that a thousand of them cost less than the server
 * that is measured: no compression, no fragments, no copies of what it reads.
 */
export class LightSocket {
  readonly #socket: Socket;
  readonly #listener: SocketListener;
  /** The beginning of a frame, or of the answer to the handshake, of which the rest has not come yet. */
  #rest: Buffer | null = null;
  #open = false;
  #asked = false;
  #why: string | null = null;

  constructor(address: SocketAddress, listener: SocketListener) {
    this.#listener = listener;
    this.#socket = connect({
      host: '127.0.0.1',
      port: address.port,
      noDelay: true,
      ...(address.from === undefined ? {} : { localAddress: address.from }),
      onread: {
        buffer: INBOX,
        callback: (length, bytes) => {
          this.#read(Buffer.from(bytes.buffer, bytes.byteOffset, length));
          return true;
        },
      },
    });
    this.#socket.on('connect', () => this.#socket.write(handshake(address)));
    this.#socket.on('error', (error) => {
      this.#why ??= error.message;
    });
    this.#socket.once('end', () => {
      this.#why ??= 'the server ended the connection';
    });
    this.#socket.once('close', () => {
      this.#open = false;
      this.#rest = null;
      listener.closed(this.#asked ? null : (this.#why ?? 'the connection closed'));
    });
  }

  send(text: string): void {
    this.#write(OP_TEXT, Buffer.from(text));
  }

  /** Says goodbye. */
  close(): void {
    this.#asked = true;
    if (this.#open) this.#write(OP_CLOSE, Buffer.from([0x03, 0xe8]));
    this.#socket.destroySoon();
  }

  /** Goes without a word, as a client does whose network is gone. */
  drop(): void {
    this.#asked = true;
    this.#socket.resetAndDestroy();
  }

  #write(op: number, payload: Buffer): void {
    const { length } = payload;
    const head = Buffer.alloc(length < 126 ? 6 : 8);
    head[0] = 0x80 | op;
    if (length < 126) head[1] = 0x80 | length;
    else if (length <= 0xffff) {
      head[1] = 0x80 | 126;
      head.writeUInt16BE(length, 2);
    } else throw new Error(`A text of ${length} bytes is more than these clients ever say.`);
    // The mask that a client has to send is all zeros, which leaves the payload as it is.
    this.#socket.write(Buffer.concat([head, payload]));
  }

  #read(chunk: Buffer): void {
    let bytes = chunk;
    if (this.#rest) {
      bytes = Buffer.concat([this.#rest, chunk]);
      this.#rest = null;
    }
    let offset = 0;
    try {
      if (!this.#open) {
        offset = this.#answered(bytes);
        if (offset > 0) this.#listener.opened();
      }
      if (this.#open) offset = this.#frames(bytes, offset);
    } catch (error) {
      this.#why ??= error instanceof Error ? error.message : String(error);
      this.#socket.destroy();
      return;
    }
    if (offset < bytes.length) this.#rest = Buffer.from(bytes.subarray(offset));
  }

  /** Where the frames begin, or 0 when the answer has not come whole. */
  #answered(bytes: Buffer): number {
    const end = bytes.indexOf(HEADERS_END);
    if (end < 0) return 0;
    if (!bytes.toString('latin1', 0, 12).endsWith('101')) {
      throw new Error(`the upgrade was refused: ${bytes.toString('utf8', 0, 300)}`);
    }
    this.#open = true;
    return end + HEADERS_END.length;
  }

  /** Handles all whole frames; where the first one begins that is not whole. */
  #frames(bytes: Buffer, from: number): number {
    let offset = from;
    while (offset + 2 <= bytes.length) {
      const first = bytes[offset] ?? 0;
      let length = (bytes[offset + 1] ?? 0) & 0x7f;
      let start = offset + 2;
      if (length === 126) {
        if (start + 2 > bytes.length) break;
        length = bytes.readUInt16BE(start);
        start += 2;
      } else if (length === 127) {
        if (start + 8 > bytes.length) break;
        length = Number(bytes.readBigUInt64BE(start));
        start += 8;
      }
      const end = start + length;
      if (end > bytes.length) break;
      if ((first & 0x80) === 0) throw new Error('the server sent a fragment');
      this.#frame(first & 0x0f, bytes, start, end);
      offset = end;
    }
    return offset;
  }

  #frame(op: number, bytes: Buffer, start: number, end: number): void {
    switch (op) {
      case OP_TEXT:
        this.#listener.text(bytes, start, end);
        break;
      case OP_PING:
        this.#write(OP_PONG, Buffer.from(bytes.subarray(start, end)));
        break;
      case OP_CLOSE:
        if (end - start >= 2) {
          this.#why ??= `closed by the server with ${bytes.readUInt16BE(start)} ${bytes.toString('utf8', start + 2, end)}`;
        }
        this.#socket.destroySoon();
        break;
      case OP_PONG:
        break;
      default:
        throw new Error(`the server sent a frame of type ${op}`);
    }
  }
}

function handshake({ port, path, protocol }: SocketAddress): string {
  return [
    `GET ${path} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
    ...(protocol === null ? [] : [`Sec-WebSocket-Protocol: ${protocol}`]),
    '',
    '',
  ].join('\r\n');
}
