import type { Millis } from '../../src/presence/time.ts';
import type { RunningRollcall } from '../../src/service/create.ts';
import type { ServiceSettings } from '../../src/service/settings.ts';
import type { ModelEngines, ModelNode } from './model-devices.ts';
import type { Lines, ModelTruth } from './model-truth.ts';

/** Where a model runs: virtual time over the embedded engine, or real time over Redis. */
export interface Plant {
  now(): Millis;
  pass(ms: Millis): Promise<void>;
  /** All that follows from what has been asked, as far as it needs no time, has happened. */
  settle(): Promise<void>;
  open(): Promise<ModelEngines>;
  /** From now on nothing is lost and nothing is late. */
  calm(): void;
  /** How late messages of a sound node may be. */
  readonly lateMs: Millis;
  /** How long after all is well again it may take until all agree: a busy machine is late in real time only. */
  readonly agreeMs: Millis;
}

export interface ModelOptions {
  readonly settings: ServiceSettings;
  /** How long until all that can end has ended and all that was lost has been found. */
  readonly restMs: Millis;
  /** Spans are so long that nothing ends by itself. */
  readonly endless: boolean;
}

export type Use<T> = (rollcall: RunningRollcall, node: ModelNode) => Promise<T>;

/** What all who take part in a model share. */
export interface Scene extends Lines {
  readonly truth: ModelTruth;
  readonly plant: Plant;
  readonly options: ModelOptions;
  readonly nodes: readonly ModelNode[];
  /** The node of that number among those that can be reached; null when none can. */
  reachable(via: number): ModelNode | null;
  /** Asks one node after the other until one can answer. */
  persistently<T>(via: number, run: Use<T>): Promise<T>;
  /** The run ends when all of these have ended, and fails with the first that fails. */
  inBackground(task: Promise<void>): void;
  fail(error: unknown): void;
  note(line: string): void;
}
