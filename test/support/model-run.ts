import type { Millis } from '../../src/presence/time.ts';
import type { ServiceSettings } from '../../src/service/settings.ts';
import { MemoryPlant, type Weather } from './model-memory.ts';
import type { Step } from './model-steps.ts';
import { VirtualTime } from './model-time.ts';
import { ModelWorld } from './model-world.ts';

/** One run of the model in virtual time: the same one always ends in the same way. */
export interface ModelRun {
  readonly weather: Weather;
  readonly awayAfterMs: Millis;
  readonly nodes: number;
  readonly friends: readonly (readonly [number, number])[];
  readonly steps: readonly Step[];
}

const SETTINGS: ServiceSettings = {
  heartbeatIntervalMs: 600,
  heartbeatToleranceMs: 100,
  disconnectGraceMs: 400,
  awayAfterMs: 300_000,
  nodeLeaseMs: 300,
};
const START: Millis = 1_700_000_000_000;
/** Until all leases have run out, every outage has been made good and every audit has been held. */
const REST_MS: Millis = 15_000;
/** How much of what happened is told of a run that fails. */
const TOLD = 60;

/** Rejects with the first rule that does not hold, and what had happened. */
export async function playOnMemory({ weather, awayAfterMs, nodes, friends, steps }: ModelRun): Promise<void> {
  const time = new VirtualTime(START);
  await time.rule(async () => {
    const plant = new MemoryPlant(time, weather);
    const world = new ModelWorld(plant, { settings: { ...SETTINGS, awayAfterMs }, restMs: REST_MS, endless: false });
    try {
      world.inBackground(world.start(nodes, friends));
      await world.finish();
      for (const step of steps) await world.take(step);
      await world.rest();
    } catch (error) {
      throw new Error(`${String(error)}\n${world.history.slice(-TOLD).join('\n')}`, { cause: error });
    } finally {
      const closing = world.close();
      await time.pass(5_000);
      await closing;
      await plant.close();
    }
  });
}

const USUAL_SEED = 20_261_123;

/** How long a model's test may take: in the whole suite one that hangs must not hold up the rest for hours. */
export const MODEL_MS: Millis = process.env['MODEL_RUNS'] === undefined ? 600_000 : 7_200_000;

/**
 * How many runs a model is given: `usual` in the whole suite, MODEL_RUNS where more are asked for. A failure prints its seed
 * and path: MODEL_SEED and MODEL_PATH run it again. In the whole suite the seed is always the same one. With
 * MODEL_SHRINK=no a failure is told as it was met.
 */
export function modelRuns(usual: number) {
  const { MODEL_RUNS, MODEL_SEED, MODEL_PATH, MODEL_SHRINK } = process.env;
  const seed = MODEL_SEED !== undefined ? Number(MODEL_SEED) : MODEL_RUNS === undefined ? USUAL_SEED : undefined;
  return {
    numRuns: MODEL_RUNS === undefined ? usual : Number(MODEL_RUNS),
    endOnFailure: MODEL_PATH !== undefined || MODEL_SHRINK === 'no',
    ...(seed === undefined ? {} : { seed }),
    ...(MODEL_PATH === undefined ? {} : { path: MODEL_PATH }),
  };
}
