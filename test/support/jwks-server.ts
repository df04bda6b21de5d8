import { createServer, get, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose';

type Behaviour = (response: ServerResponse, request: IncomingMessage) => void;

/** A key pair of an issuer. */
export interface Signer {
  readonly privateKey: CryptoKey;
  /** The public one as it stands in a set, with `kid` and `alg`. */
  readonly jwk: JWK;
  /** A token of its own; the header may be more than `alg` and `kid`, or claim to be something else. */
  sign(claims: JWTPayload, header?: Record<string, unknown>): Promise<string>;
}

export async function newSigner(kid: string, alg = 'ES256'): Promise<Signer> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  const jwk = { ...(await exportJWK(publicKey)), kid, alg };
  const sign: Signer['sign'] = (claims, header = {}) =>
    new SignJWT(claims).setProtectedHeader({ alg, kid, ...header }).sign(privateKey);
  return { privateKey, jwk, sign };
}

/** A server of key sets that does what the test has it do, however bad. */
export class JwksServer {
  readonly #server: Server;
  #behaviour: Behaviour = answerWith([]);
  #asked = 0;
  #busy = 0;

  private constructor() {
    this.#server = createServer((request, response) => {
      if (request.url === '/ping') {
        response.end();
        return;
      }
      this.#asked++;
      this.#busy++;
      response.on('error', () => {});
      response.on('close', () => this.#busy--);
      this.#behaviour(response, request);
    });
  }

  static async start(behaviour: Behaviour, port = 0): Promise<JwksServer> {
    const jwks = new JwksServer();
    jwks.#behaviour = behaviour;
    await new Promise<void>((resolve) => jwks.#server.listen(port, '127.0.0.1', resolve));
    return jwks;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/keys`;
  }

  /** How often it has been asked so far. */
  get asked(): number {
    return this.#asked;
  }

  /** Resolves when all that it was asked has been answered, and the answers have come to those in this process who asked. */
  async idle(): Promise<void> {
    while (this.#busy > 0) await new Promise((resolve) => setImmediate(resolve));
    // What is sent later arrives later.
    await new Promise<void>((resolve, reject) => {
      get(`http://127.0.0.1:${this.port}/ping`, { agent: false }, (response) => {
        response.resume().on('end', resolve);
      }).on('error', reject);
    });
  }

  set behaviour(behaviour: Behaviour) {
    this.#behaviour = behaviour;
  }

  /** Serves these keys from now on. */
  serve(...signers: readonly Signer[]): void {
    this.#behaviour = answerWith(signers.map(({ jwk }) => jwk));
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }
}

export function answerWith(keys: readonly JWK[]): Behaviour {
  return answerText(JSON.stringify({ keys }));
}

export function answerText(text: string, status = 200): Behaviour {
  return (response) => response.writeHead(status, { 'content-type': 'application/json' }).end(text);
}
