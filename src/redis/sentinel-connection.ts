import type { Logger } from '../log.ts';
import { Sentinels } from './sentinels.ts';
import { ServerConnection } from './server-connection.ts';
import { credentials, encryption, nameOf, type SentinelTarget } from './target.ts';

/** All data on one server at a time: the one that sentinels name as the master. Both connections follow it. */
export class SentinelConnection extends ServerConnection {
  readonly #sentinels: Sentinels;

  constructor(target: SentinelTarget, log: Logger) {
    const sentinels = new Sentinels(target, log);
    const name = `${target.name} by sentinels at ${target.sentinels.map(nameOf).join(', ')}`;
    const where = {
      Connector: sentinels.connector(),
      db: target.database,
      ...credentials(target),
      // The connector encrypts; ioredis needs to know.
      ...encryption(target),
    };
    super(name, where, log);
    this.#sentinels = sentinels;
  }

  protected override async hangUp(): Promise<void> {
    await super.hangUp();
    this.#sentinels.close();
  }
}
