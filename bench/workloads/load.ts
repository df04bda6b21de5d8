import { setTimeout as sleep } from 'node:timers/promises';
import type { Graph } from '../crowd/graph.ts';
import { cpuOf } from '../measure/cpu.ts';
import type { Stage } from '../run/stage.ts';

/** How late the last of what was started may be done. */
const DRAIN_MS = 60_000;

/** What something cost. */
export interface Cost {
  /** Of the server, ns. */
  readonly cpu: number;
  /** Of the driver, ns. */
  readonly driverCpu: number;
  /** Of Redis, ns; 0 where there is none. */
  readonly redisCpu: number;
  readonly wallMs: number;
}

/** Measures while `act` runs. What `act` starts must have been done when it resolves. */
export async function costOf(stage: Stage, act: () => Promise<void>): Promise<Cost> {
  const startedAt = performance.now();
  const driverBefore = cpuOf(process.pid);
  const redisBefore = stage.redisCpu();
  const before = stage.server.cpu();
  await act();
  const cpu = stage.server.cpu() - before;
  const redisCpu = stage.redisCpu() - redisBefore;
  const driverCpu = cpuOf(process.pid) - driverBefore;
  return { cpu, driverCpu, redisCpu, wallMs: performance.now() - startedAt };
}

/**
 * Calls `act` `rate` times a second, evenly spaced, for `ms`, however long each takes; resolves when all have been done.
 * Rejects with the first failure.
 */
export async function paced(rate: number, ms: number, act: (turn: number) => Promise<void>): Promise<void> {
  const startedAt = performance.now();
  const turns = Math.max(1, Math.round((rate * ms) / 1_000));
  let failure: { readonly error: unknown } | null = null;
  let underWay = 0;
  let allDone: (() => void) | null = null;
  for (let turn = 0; turn < turns && failure === null; ) {
    const due = Math.min(turns, Math.floor(((performance.now() - startedAt) * rate) / 1_000) + 1);
    for (; turn < due; turn++) {
      underWay += 1;
      act(turn)
        .catch((error: unknown) => {
          failure ??= { error };
        })
        .finally(() => {
          underWay -= 1;
          if (underWay === 0) allDone?.();
        });
    }
    if (turn < turns) await sleep(1);
  }
  if (underWay > 0) {
    await Promise.race([
      new Promise<void>((resolve) => {
        allDone = resolve;
      }),
      sleep(DRAIN_MS, undefined, { ref: false }).then(() => {
        if (underWay > 0) throw new Error(`${underWay} of ${turns} were not done ${DRAIN_MS} ms after the last`);
      }),
    ]);
  }
  // TypeScript does not see the assignment in the closure.
  const failed = failure as { readonly error: unknown } | null;
  if (failed !== null) throw failed.error;
  // The last one has its share of the time as well.
  await sleep(Math.max(0, startedAt + ms - performance.now()));
}

/**
 * Users who change, in an order in which nobody comes again before all have had their turn, and in which those who come
 * after each other share few friends.
 */
export function rotation(graph: Graph, users: readonly number[]): (turn: number) => number {
  const { length } = users;
  let stride = Math.max(1, Math.floor(length * 0.618));
  while (gcd(stride, length) !== 1) stride += 1;
  return (turn) => users[(turn * stride) % length] ?? graph.users - 1;
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

/** What was done in a measurement. */
export interface Done {
  readonly changes: number;
  /** How many times one of them was due to a viewer. */
  readonly due: number;
}

/** Users change at an even rate until all viewers show it. */
export async function changeEvenly(stage: Stage, rate: number, ms: number): Promise<Done> {
  const audiences = stage.audiences();
  const userAt = rotation(stage.graph, stage.watched);
  let due = 0;
  let changes = 0;
  await paced(rate, ms, (turn) => {
    const user = userAt(turn);
    due += audiences[user] ?? 0;
    changes += 1;
    return stage.origin.change(user, stage.ledger.next(user));
  });
  await stage.crowd.converged();
  return { changes, due };
}

/** As `changeEvenly`, with what it cost. */
export async function costOfChanges(stage: Stage, rate: number, ms: number): Promise<Cost & Done> {
  let done: Done = { changes: 0, due: 0 };
  const cost = await costOf(stage, async () => {
    done = await changeEvenly(stage, rate, ms);
  });
  return { ...cost, ...done };
}

/** Viewers come in to watch, all or the first `some`, and are shown changes for a while. */
export async function warmUp(stage: Stage, rate: number, ms: number, some?: number): Promise<void> {
  await stage.crowd.enter('watch', some === undefined ? {} : { some });
  await stage.origin.whenWatched(stage.watched);
  await changeEvenly(stage, rate, ms);
}
