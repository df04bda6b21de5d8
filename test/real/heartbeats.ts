import { post } from './graphql.ts';
import type { Offline } from './offline.ts';
import { inTurn, type Server } from './product.ts';
import type { RosterStream } from './roster-stream.ts';

/** A message is activity of who writes it. */
const HEARTBEAT = `mutation ($input: HeartbeatInput!) { heartbeat(input: $input) { session { id } } }`;
const INPUT = { input: { sessionId: 'campus', client: 'WEB', activity: 'ACTIVE' } };
/** Beyond this, the next one waits. */
const MAX_UNDER_WAY = 256;

/**
 * Sends heartbeats by the real mutation and notes for each when it can have taken effect. They go in turn over the user's
 * own WebSocket and over HTTP to each process, so that processes contend for one user.
 */
export class Heartbeats {
  readonly #streams: ReadonlyMap<string, RosterStream>;
  readonly #servers: readonly Server[];
  readonly #offline: Offline;
  readonly #underWay = new Set<Promise<void>>();
  #sent = 0;
  #failure: unknown = null;

  constructor(streams: ReadonlyMap<string, RosterStream>, servers: readonly Server[], offline: Offline) {
    this.#streams = streams;
    this.#servers = servers;
    this.#offline = offline;
  }

  get sent(): number {
    return this.#sent;
  }

  /** Does not wait for the answer. Rejects when an earlier one failed. */
  async send(user: string): Promise<void> {
    while (this.#underWay.size >= MAX_UNDER_WAY) await Promise.race(this.#underWay);
    if (this.#failure !== null) throw this.#failure;
    const sentAt = Date.now();
    const done = this.#request(user, this.#sent++)
      .then(() => this.#offline.wrote(user, sentAt, Date.now()))
      .catch((error: unknown) => {
        this.#failure ??= error;
      })
      .finally(() => this.#underWay.delete(done));
    this.#underWay.add(done);
  }

  /** Resolves when all have been answered; rejects when one failed. */
  async settled(): Promise<void> {
    await Promise.all(this.#underWay);
    if (this.#failure !== null) throw this.#failure;
  }

  #request(user: string, number: number): Promise<unknown> {
    const own = this.#streams.get(user);
    if (own && number % 2 === 0) return own.connection.ask(HEARTBEAT, INPUT);
    return post(inTurn(this.#servers, number >> 1).url, user, HEARTBEAT, INPUT);
  }
}
