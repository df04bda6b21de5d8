import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { type Contestant, type Dialect, type Origin, userId } from './contestant.ts';
import { peer, SINCE, stateOf } from './peers.ts';

const dialect: Dialect = {
  protocol: null,
  path: (user) => `/?${user}`,
  greeting: () => null,
  watch: () => ['watch'],
  heartbeat: () => null,
  idleHeartbeatMs: null,
  hear: (text, speaker) => (text === 'welcome' ? speaker.greeted() : speaker.failed(text)),
};

/** A loop over `socket.send`: what no presence service on `ws` can be expected to beat by much. */
export const bare: Contestant = {
  name: 'bare',
  label: 'bare ws loop',
  ...peer('bare'),
  redis: null,
  dialect,
  ordered: true,
  http: null,
  env: ({ friendsFile }) => ({ FRIENDS_FILE: friendsFile }),
  openOrigin: async () => new BareOrigin(),
};

/** Tells the server over TCP, a line a change. */
class BareOrigin implements Origin {
  #first: (() => Promise<void>) | null = null;
  #socket: Socket | null = null;
  #fault: Error | null = null;
  /** One for each line that has not been answered yet, in their order. */
  readonly #waiting: { resolve(): void; reject(error: Error): void }[] = [];

  async seed(...[graph, , mark, done]: Parameters<Origin['seed']>): Promise<void> {
    this.#first = async () => {
      await Promise.all(Array.from({ length: graph.users }, (_, user) => this.change(user, mark(user))));
    };
    done('users', graph.users);
  }

  async attach({ output }: Parameters<Origin['attach']>[0]): Promise<void> {
    const port = Number(/commands at (\d+)/.exec(output)?.[1]);
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    this.#socket = socket;
    createInterface({ input: socket }).on('line', () => this.#waiting.shift()?.resolve());
    const ended = (error: Error): void => {
      this.#fault ??= error;
      for (const { reject } of this.#waiting.splice(0)) reject(error);
    };
    socket.on('error', ended);
    socket.on('close', () => ended(new Error('the server closed the line for changes')));
    await this.#first?.();
  }

  async whenWatched(): Promise<void> {}

  change(user: number, mark: string): Promise<void> {
    const id = userId(user);
    if (this.#fault) return Promise.reject(this.#fault);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#socket?.write(`${id} ${JSON.stringify(stateOf(id, mark, SINCE))}\n`);
    });
  }

  async close(): Promise<void> {
    this.#socket?.destroy();
  }
}
