import type { Actor } from '../support/actors.ts';
import type { Bustle } from '../support/bustle.ts';
import type { FleetNode } from '../support/fleet.ts';
import type { Stage } from '../support/stage.ts';
import type { Measures } from './measures.ts';
import { oneOf } from './random.ts';

/** An audit of every node has passed by then, where nothing else has told it: rule 5.3. */
const AUDIT_MS = 12_000;

export interface Scene {
  readonly stage: Stage;
  readonly bustle: Bustle;
  readonly random: () => number;
  readonly measures: Measures;
}

/** Something that goes wrong. Resolves when it is right again, as far as it can be put right from outside. */
export type Failure = (scene: Scene) => Promise<void>;

/** By name. */
export type Failures = Readonly<Record<string, Failure>>;

/** What holds the data of a soak. */
export interface Engine {
  /** For REDIS_URL. */
  readonly url: string;
  /** What can go wrong with it. */
  readonly failures: Failures;
  /** Idempotent. */
  stop(): Promise<void>;
}

export function anyNode({ stage, random }: Scene): { readonly node: FleetNode; readonly number: number } {
  const [number, node] = oneOf(random, [...stage.nodes.entries()]);
  return { node, number };
}

export function hereOf(stage: Stage): Actor[] {
  return stage.actors.filter(({ mood }) => mood !== null);
}

/** Of all viewers, as the application's backend knows them: for a store that has forgotten. */
export async function befriendEverybody(stage: Stage): Promise<void> {
  for (const viewer of new Set(stage.observers.map(({ userId }) => userId))) await stage.befriendAll(viewer);
}

/** `act` while users do nothing, and a moment more, so that nothing is under way. */
export async function quietly({ bustle }: Scene, act: () => Promise<void>): Promise<void> {
  await bustle.rest();
  await act();
  bustle.goOn();
}

/** Resolves when the nodes have found out that the store has forgotten all, of which no event tells them. */
export async function untilForgotten({ stage, measures }: Scene): Promise<void> {
  const from = Date.now();
  const found = await Promise.all(
    stage.observers.map((observer) =>
      // A second more for a busy machine.
      observer.until('an empty roster', () => observer.roster.size === 0, AUDIT_MS + 1_000),
    ),
  );
  measures.add('a flush is noticed', Math.max(...found) - from);
}
