import { afterAll, afterEach, beforeAll, beforeEach, expect, vi } from 'vitest';
import { Bustle } from './bustle.ts';
import { type FleetNode, startFleet } from './fleet.ts';
import { type RedisServer, startRedis } from './redis.ts';
import { Stage, type StageOptions } from './stage.ts';

/** How many violations a failing test shows. */
const SHOWN = 12;
/** What waits for something says what is missing, before this ends it. */
const TEST_MS = 90_000;

/** What nodes have their data in. */
interface Engine {
  readonly url: string;
  stop(): Promise<void>;
}

export interface EngineScenariosOptions<E extends Engine> extends Omit<StageOptions, 'engineUrl' | 'clockShiftsMs'> {
  readonly start: () => Promise<E>;
  /** One user does something each so many ms; null: nobody does anything by themselves. */
  readonly busyMs?: number | null;
}

/**
 * One engine and one fleet for all scenarios of a file, and for each of them a stage of its own, with users who are
 * busy. To be made while the file is read: it registers what has to be done before and after.
 */
export class EngineScenarios<E extends Engine> {
  #engine: E | null = null;
  #nodes: readonly FleetNode[] = [];
  #stage: Stage | null = null;
  #bustle: Bustle | null = null;
  #count = 0;

  constructor(options: EngineScenariosOptions<E>) {
    vi.setConfig({ testTimeout: TEST_MS });
    beforeAll(async () => {
      this.#engine = await options.start();
      this.#nodes = await startFleet(options.nodes ?? 3, { engineUrl: this.#engine.url });
    });
    afterAll(async () => {
      await Promise.all(this.#nodes.map((node) => node.close()));
      await this.#engine?.stop();
    });
    beforeEach(async () => {
      const name = `${options.name}${this.#count++}`;
      this.#stage = await Stage.open({ ...options, name, engineUrl: this.engine.url }, this.#nodes);
      this.busy(options.busyMs === undefined ? 25 : options.busyMs);
    });
    afterEach(async () => {
      // What was wrong with them the test itself has been told, or has failed of something else.
      await this.#bustle?.stop().catch(() => undefined);
      await this.#stage?.close();
      this.#bustle = null;
      this.#stage = null;
    });
  }

  get engine(): E {
    return must(this.#engine);
  }

  get nodes(): readonly FleetNode[] {
    return this.#nodes;
  }

  get stage(): Stage {
    return must(this.#stage);
  }

  /** How much users have done by themselves. */
  get told(): number {
    return this.#bustle?.told ?? 0;
  }

  node(number: number): FleetNode {
    return must(this.#nodes[number]);
  }

  /** The data are gone. `start` makes another engine, which must be found where this one was. */
  protected async replaceEngine(start: () => Promise<E>): Promise<void> {
    await this.engine.stop();
    this.#engine = await start();
  }

  /** From now on one user does something each `everyMs`; null: nobody. */
  busy(everyMs: number | null): void {
    this.#bustle = everyMs === null ? null : new Bustle(this.stage, everyMs);
  }

  /** Resolves when what users had begun has been answered; they begin nothing more. */
  async rest(): Promise<void> {
    await this.#bustle?.stop();
  }

  /** Lets everything settle; fails for whatever was wrong. `figures` in ms. */
  async conclude(scenario: string, figures: Readonly<Record<string, number>> = {}): Promise<void> {
    await this.rest();
    const convergence = await this.stage.converge();
    this.stage.report(scenario, { ...figures, convergence });
    expect(this.stage.verdict().slice(0, SHOWN)).toEqual([]);
  }
}

export interface ScenariosOptions extends Omit<EngineScenariosOptions<RedisServer>, 'start'> {
  readonly redisArgs?: readonly string[];
}

/** Scenarios on one Redis server. */
export class Scenarios extends EngineScenarios<RedisServer> {
  readonly #args: readonly string[];

  constructor({ redisArgs = [], ...options }: ScenariosOptions) {
    super({ ...options, start: () => startRedis({ args: redisArgs }) });
    this.#args = redisArgs;
  }

  get redis(): RedisServer {
    return this.engine;
  }

  /** The data are gone: another server listens at the same address. */
  async replaceRedis(): Promise<void> {
    const { port } = this.redis;
    await this.replaceEngine(() => startRedis({ port, args: this.#args }));
  }
}

function must<T>(value: T | null | undefined): T {
  if (value === null || value === undefined) throw new Error('This is there only while a scenario runs.');
  return value;
}
