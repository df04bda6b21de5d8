import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const DAY_MS = 86_400_000;

export interface CertificateOptions {
  /** Names and addresses of the host it is for. */
  readonly hosts?: readonly string[];
  /** From then on it is valid, for two days; since yesterday, if left out. */
  readonly from?: Date;
}

/** Files in PEM. */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

/** An authority of the test's own, which makes certificates with Node.js alone. */
export class Authority {
  readonly #directory = mkdtempSync(join(tmpdir(), 'rollcall-tls-'));
  readonly #pair = newPair();
  #count = 0;
  /** A file with its own certificate. */
  readonly cert: string;

  constructor() {
    const own = certificate({ subject: 'Authority', publicKey: this.#pair.publicKey, signer: this.#pair.privateKey });
    this.cert = this.#write('authority.pem', pem('CERTIFICATE', own));
  }

  issue({ hosts = ['127.0.0.1', 'localhost'], from }: CertificateOptions = {}): CertificateFiles {
    const { publicKey, privateKey } = newPair();
    const signed = certificate({
      subject: 'Server',
      publicKey,
      signer: this.#pair.privateKey,
      hosts,
      ...(from && { from }),
    });
    this.#count += 1;
    return {
      cert: this.#write(`cert${this.#count}.pem`, pem('CERTIFICATE', signed)),
      key: this.#write(`key${this.#count}.pem`, String(privateKey.export({ type: 'pkcs8', format: 'pem' }))),
    };
  }

  /** Arguments for a server that serves TLS on `port`, besides what it does on its own. */
  serverArgs(port: number, { cert, key }: CertificateFiles = this.issue()): string[] {
    return [
      ...['--tls-port', `${port}`, '--tls-auth-clients', 'no'],
      ...['--tls-cert-file', cert, '--tls-key-file', key, '--tls-ca-cert-file', this.cert],
    ];
  }

  close(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #write(name: string, text: string): string {
    const file = join(this.#directory, name);
    writeFileSync(file, text);
    return file;
  }
}

function newPair(): { publicKey: KeyObject; privateKey: KeyObject } {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

interface Contents {
  readonly subject: string;
  readonly publicKey: KeyObject;
  readonly signer: KeyObject;
  /** None: the certificate is an authority's. */
  readonly hosts?: readonly string[];
  readonly from?: Date;
}

/* What follows is as much of X.509 (RFC 5280) in DER as that takes. */

const [SEQUENCE, SET, INTEGER, BITS, OCTETS, OID, UTF8, BOOLEAN, TIME] = [0x30, 0x31, 2, 3, 4, 6, 12, 1, 0x18];
const COMMON_NAME = '2.5.4.3';
const ALTERNATIVE_NAME = '2.5.29.17';
const BASIC_CONSTRAINTS = '2.5.29.19';
const ECDSA_SHA256 = '1.2.840.10045.4.3.2';

function certificate({ subject, publicKey, signer, hosts, from }: Contents): Buffer {
  const begin = from ?? new Date(Date.now() - DAY_MS);
  const end = new Date(begin.getTime() + 2 * DAY_MS);
  const algorithm = der(SEQUENCE, oid(ECDSA_SHA256));
  const extension = hosts
    ? der(SEQUENCE, oid(ALTERNATIVE_NAME), der(OCTETS, der(SEQUENCE, ...hosts.map(hostName))))
    : der(SEQUENCE, oid(BASIC_CONSTRAINTS), bool(true), der(OCTETS, der(SEQUENCE, bool(true))));
  const contents = der(
    SEQUENCE,
    der(0xa0, der(INTEGER, Buffer.from([2]))),
    der(INTEGER, Buffer.from([1]), randomBytes(8)),
    algorithm,
    name('Authority'),
    der(SEQUENCE, time(begin), time(end)),
    name(subject),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, der(SEQUENCE, extension)),
  );
  return der(SEQUENCE, contents, algorithm, der(BITS, Buffer.from([0]), sign('sha256', contents, signer)));
}

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const { length } = body;
  const head = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...head]), body]);
}

function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes = rest.flatMap((part) => {
    const digits = [part & 0x7f];
    for (let left = part >> 7; left > 0; left >>= 7) digits.unshift((left & 0x7f) | 0x80);
    return digits;
  });
  return der(OID, Buffer.from([first * 40 + second, ...bytes]));
}

function name(common: string): Buffer {
  return der(SEQUENCE, der(SET, der(SEQUENCE, oid(COMMON_NAME), der(UTF8, Buffer.from(common)))));
}

function bool(value: boolean): Buffer {
  return der(BOOLEAN, Buffer.from([value ? 0xff : 0]));
}

function time(at: Date): Buffer {
  return der(TIME, Buffer.from(`${at.toISOString().replaceAll(/[-:T]|\..*/g, '')}Z`));
}

function hostName(host: string): Buffer {
  return isIP(host) === 4 ? der(0x87, Buffer.from(host.split('.').map(Number))) : der(0x82, Buffer.from(host));
}

function pem(label: string, body: Buffer): string {
  const lines = body.toString('base64').match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}
