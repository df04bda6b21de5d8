// The process behind CrowdProcess: some viewers of one server, told over IPC what to do.
import { CONTESTANTS } from '../contestants/all.ts';
import { userId } from '../contestants/contestant.ts';
import { Latencies, type LatencyCounts } from '../measure/latencies.ts';
import { Crowd } from './crowd.ts';
import { evenGraph } from './graph.ts';
import { Ledger } from './ledger.ts';
import { Viewer } from './viewer.ts';

const OFFLINE = Buffer.from('"OFFLINE"');
const TELL_EVERY_MS = 250;

/** What it can be told to do, by name; the first must be `gather`. */
export interface Orders {
  /**
   * Users of an even graph whose number leaves `part` when divided by `parts`: friends are on all servers alike. What
   * everybody shows at first is the change with the number of the user, counted from 1.
   */
  readonly gather: {
    readonly contestant: string;
    readonly users: number;
    readonly friends: number;
    readonly part: number;
    readonly parts: number;
    readonly port: number;
    readonly sources: readonly string[];
  };
  /** All of them bind a session and take their roster; answered when all have it, or rejected. */
  readonly enter: { readonly atOnce: number };
  /** All connections are reset in the same moment. */
  readonly drop: Record<string, never>;
  /**
   * One user after the other will change, the first at `startsAt` by the epoch, ms, and then each `everyMs`. From now on
   * whoever is shown OFFLINE is counted.
   */
  readonly plan: { readonly users: readonly number[]; readonly startsAt: number; readonly everyMs: number };
  /** So many of these changes have been made; answered when all show what is newest. */
  readonly converge: { readonly made: number };
  readonly figures: Record<string, never>;
}

export interface CrowdFigures {
  /** From the moment at which a change was due to the frame that shows it. */
  readonly latencies: LatencyCounts;
  /** From the last drop until the roster was complete. */
  readonly rosters: LatencyCounts;
  /** Frames that showed somebody OFFLINE. */
  readonly offline: number;
  readonly wentBack: number;
  /** How often somebody was told to try again. */
  readonly refusals: number;
}

export type Answer<K extends keyof Orders> = K extends 'figures' ? CrowdFigures : null;
export type Order = {
  [K in keyof Orders]: { readonly id: number; readonly kind: K; readonly order: Orders[K] };
}[keyof Orders];
export type Report =
  | { readonly id: number; readonly answer: CrowdFigures | null }
  | { readonly id: number; readonly error: string }
  | { readonly progress: number };

class Part {
  readonly #ledger: Ledger;
  readonly #crowd: Crowd;
  readonly #rosters = new Latencies();
  #droppedAt: number | null = null;
  #offline = 0;
  #everybodyIsIn = false;

  constructor({ contestant, users, friends, part, parts, port, sources }: Orders['gather']) {
    const { dialect } = CONTESTANTS.find(({ name }) => name === contestant) ?? missing(contestant);
    this.#ledger = new Ledger(evenGraph(users, friends));
    for (let user = 0; user < users; user++) this.#ledger.next(user);
    const inspect = (bytes: Buffer, start: number, end: number): void => {
      if (this.#everybodyIsIn && bytes.subarray(start, end).includes(OFFLINE)) this.#offline += 1;
    };
    const viewers: Viewer[] = [];
    for (let user = part; user < users; user += parts) {
      viewers.push(new Viewer(user, userId(user), { dialect, ledger: this.#ledger, port, sources, inspect }));
    }
    this.#crowd = new Crowd(viewers, this.#ledger);
  }

  async enter(atOnce: number): Promise<void> {
    let toldAt = 0;
    const progress = (done: number): void => {
      const now = performance.now();
      if (this.#droppedAt !== null) this.#rosters.add(now - this.#droppedAt);
      if (now - toldAt < TELL_EVERY_MS && done < this.#crowd.viewers.length) return;
      toldAt = now;
      tell({ progress: done });
    };
    await this.#crowd.enter('bind-and-watch', { atOnce, progress });
  }

  async drop(): Promise<void> {
    this.#rosters.clear();
    this.#droppedAt = performance.now();
    await this.#crowd.leave('drop');
  }

  plan({ users, startsAt, everyMs }: Orders['plan']): void {
    this.#everybodyIsIn = true;
    this.#ledger.plan(users, startsAt - performance.timeOrigin, everyMs);
  }

  async converge(made: number): Promise<void> {
    this.#ledger.made(made);
    await this.#crowd.converged();
  }

  figures(): CrowdFigures {
    this.#crowd.check();
    const { latencies, wentBack } = this.#ledger;
    return {
      latencies: latencies.toCounts(),
      rosters: this.#rosters.toCounts(),
      offline: this.#offline,
      wentBack,
      refusals: this.#crowd.viewers.reduce((sum, { refusals }) => sum + refusals, 0),
    };
  }
}

function missing(contestant: string): never {
  throw new Error(`There is no contestant ${contestant}.`);
}

let part: Part | null = null;

async function obey({ kind, order }: Order): Promise<CrowdFigures | null> {
  if (kind === 'gather') {
    part = new Part(order);
    return null;
  }
  if (part === null) throw new Error('Nobody has been gathered.');
  switch (kind) {
    case 'enter':
      await part.enter(order.atOnce);
      return null;
    case 'drop':
      await part.drop();
      return null;
    case 'plan':
      part.plan(order);
      return null;
    case 'converge':
      await part.converge(order.made);
      return null;
    case 'figures':
      return part.figures();
    default:
      return kind satisfies never;
  }
}

function tell(report: Report): void {
  process.send?.(report);
}

process.on('message', (message) => {
  // Only CrowdProcess writes to this channel.
  const order = message as Order;
  obey(order).then(
    (answer) => tell({ id: order.id, answer }),
    (error: unknown) => tell({ id: order.id, error: error instanceof Error ? error.message : String(error) }),
  );
});
// Without whom it works for it has nothing to do.
process.on('disconnect', () => process.exit());
