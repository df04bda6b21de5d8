import { createConnection } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { AbstractConnector, type RedisOptions } from 'ioredis';
import type { RedisAddress } from './target.ts';

export type Stream = Awaited<ReturnType<AbstractConnector['connect']>>;
export type ConnectorClass = NonNullable<RedisOptions['Connector']>;
type Encryption = Exclude<RedisOptions['tls'], undefined>;

/** A socket on its way to `address`. */
export function dial(address: RedisAddress, tls: Encryption | undefined): Stream {
  const { host, port } = address;
  const stream = tls ? connectTls({ host, port, ...tls }) : createConnection({ host, port });
  // ioredis listens to the first error of a socket alone. TLS can tell of a second one, which would end the process.
  stream.on('error', () => {});
  return stream;
}

/** Connects to the address that the options name. */
export class AddressConnector extends AbstractConnector {
  readonly #options: RedisOptions;

  constructor(options: unknown) {
    // What ioredis hands over: its own options, with its defaults.
    const known = options as RedisOptions;
    super(known.disconnectTimeout ?? 0);
    this.#options = known;
  }

  async connect(): Promise<Stream> {
    const { host = '127.0.0.1', port = 6379, tls } = this.#options;
    this.connecting = true;
    this.stream = dial({ host, port }, tls);
    return this.stream;
  }
}
