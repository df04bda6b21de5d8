import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type RedisServer, startRedis } from '../../test/support/redis.ts';
import { type Contestant, type Origin, userId } from '../contestants/contestant.ts';
import { Crowd } from '../crowd/crowd.ts';
import type { Graph } from '../crowd/graph.ts';
import { Ledger } from '../crowd/ledger.ts';
import { Viewer, type ViewerParts } from '../crowd/viewer.ts';
import { cpuOf } from '../measure/cpu.ts';
import { type ServerCommand, ServerProcess } from './server-process.ts';

/** What takes longer hangs. */
const LIMIT_MS = 300_000;

export interface StageOptions {
  readonly contestant: Contestant;
  readonly graph: Graph;
  /** The first so many users of the graph. */
  readonly viewers: number;
  /** Whether the users are online by sessions of the origin's. False where the viewers bring their own. */
  readonly online?: boolean;
  /** What the server is started under. */
  readonly under: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** How many more servers of the same service run, off the measured core. Nobody connects to them. */
  readonly moreNodes?: number;
}

type StageParts = Pick<Stage, 'contestant' | 'graph' | 'ledger' | 'redis' | 'server' | 'origin' | 'crowd'>;

/** Everything that one measurement takes: Redis, the measured server, who changes users, and the viewers. */
export class Stage {
  readonly contestant: Contestant;
  readonly graph: Graph;
  readonly ledger: Ledger;
  readonly redis: RedisServer | null;
  readonly server: ServerProcess;
  readonly origin: Origin;
  readonly crowd: Crowd;
  readonly #undo: readonly (() => unknown)[];

  private constructor(parts: StageParts, undo: readonly (() => unknown)[]) {
    this.contestant = parts.contestant;
    this.graph = parts.graph;
    this.ledger = parts.ledger;
    this.redis = parts.redis;
    this.server = parts.server;
    this.origin = parts.origin;
    this.crowd = parts.crowd;
    this.#undo = undo;
  }

  /** Runs `act` on a stage of its own, and takes it down again. A server that dies fails it with its output. */
  static async on<T>(options: StageOptions, act: (stage: Stage) => Promise<T>): Promise<T> {
    const stage = await Stage.#open(options);
    try {
      const overdue = sleep(LIMIT_MS, undefined, { ref: false }).then(() => {
        throw new Error(`it was not done after ${LIMIT_MS / 60_000} minutes`);
      });
      const result = await Promise.race([act(stage), stage.server.failure, overdue]);
      stage.crowd.check();
      return result;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new Error(`${why}\nThe server had said:\n${stage.server.output}`, { cause: error });
    } finally {
      await undoAll(stage.#undo);
    }
  }

  /** Nanoseconds of CPU that Redis has used so far; 0 where there is none. */
  redisCpu(): number {
    const pid = this.redis?.pid ?? null;
    return pid === null ? 0 : cpuOf(pid);
  }

  /** Users that somebody here watches now. */
  get watched(): number[] {
    return [...this.audiences().entries()].filter(([, audience]) => audience > 0).map(([user]) => user);
  }

  /** How many viewers watch each user now. */
  audiences(): Int32Array {
    const audiences = new Int32Array(this.graph.users);
    for (const { index, ready } of this.crowd.viewers) {
      if (!ready) continue;
      for (const friend of this.graph.of(index)) audiences[friend] = (audiences[friend] ?? 0) + 1;
    }
    return audiences;
  }

  static async #open(options: StageOptions): Promise<Stage> {
    const { contestant, graph, under, moreNodes = 0 } = options;
    const undo: (() => unknown)[] = [];
    try {
      const directory = mkdtempSync(join(tmpdir(), 'rollcall-bench-'));
      undo.push(() => rmSync(directory, { recursive: true, force: true }));
      const friendsFile = join(directory, 'friends.txt');
      const lines = contestant.redis === null ? [...graph.pairs()].map((pair) => pair.map(userId).join(' ')) : [];
      writeFileSync(friendsFile, lines.join('\n'));
      const redis = contestant.redis === null ? null : await startRedis();
      undo.push(() => redis?.stop());
      const place = { redisUrl: redis?.url ?? '', friendsFile };
      const { script, args, ready } = contestant;
      const command: ServerCommand = { under, script, args, env: { ...contestant.env(place), ...options.env }, ready };
      const origin = await contestant.openOrigin(place);
      const ledger = new Ledger(graph);
      // What is stopped goes in the order in which a service is best taken down: clients, origin, servers, Redis.
      const servers: ServerProcess[] = [];
      undo.push(() => Promise.all(servers.map((server) => server.stop())));
      undo.push(() => origin.close());
      await origin.seed(
        graph,
        options.online ?? true,
        (user) => ledger.next(user),
        () => {},
      );
      const server = await ServerProcess.start(command);
      servers.push(server);
      for (let node = 0; node < moreNodes; node++) servers.push(await ServerProcess.start({ ...command, under: [] }));
      await origin.attach(server);
      const crowd = new Crowd(viewersOf(options, ledger, server.port), ledger);
      undo.push(() => crowd.leave('drop'));
      return new Stage({ contestant, graph, ledger, redis, server, origin, crowd }, undo);
    } catch (error) {
      await undoAll(undo);
      throw error;
    }
  }
}

/** The last thing first. What fails keeps nothing else from being undone. */
export async function undoAll(undo: readonly (() => unknown)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const step of [...undo].reverse()) {
    try {
      await step();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}

function viewersOf({ contestant, viewers }: StageOptions, ledger: Ledger, port: number): Viewer[] {
  const parts: ViewerParts = { dialect: contestant.dialect, ledger, port, sources: null, inspect: null };
  return Array.from({ length: viewers }, (_, index) => new Viewer(index, userId(index), parts));
}
