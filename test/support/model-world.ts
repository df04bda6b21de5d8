import { RollcallError } from '../../src/errors.ts';
import type { Millis } from '../../src/presence/time.ts';
import { createRollcall } from '../../src/service/create.ts';
import { Asks } from './model-asking.ts';
import { ModelNode } from './model-devices.ts';
import type { ModelOptions, Plant, Scene, Use } from './model-plant.ts';
import { type NodeEvent, PEOPLE, type Step } from './model-steps.ts';
import { ModelTruth } from './model-truth.ts';
import { Watching } from './model-watching.ts';
import { quiet } from './quiet.ts';

const RETRY_MS: Millis = 90;
const MAX_NODES = 3;
/** A person's ask that takes longer than this, once all is well again, hangs. */
const PATIENCE: { readonly rounds: number; readonly ms: Millis } = { rounds: 400, ms: 50 };

/** Several nodes over one store, the people who use them, and what must be true of all of it. */
export class ModelWorld implements Scene {
  readonly truth = new ModelTruth(PEOPLE);
  readonly nodes: ModelNode[] = [];
  readonly plant: Plant;
  readonly options: ModelOptions;
  readonly watching: Watching;
  readonly history: string[] = [];
  readonly #asks: Asks;
  readonly #pending = new Set<Promise<void>>();
  readonly #failures: unknown[] = [];
  #closed = false;

  constructor(plant: Plant, options: ModelOptions) {
    this.plant = plant;
    this.options = options;
    this.watching = new Watching(this);
    this.#asks = new Asks(this);
  }

  async start(nodes: number, friends: readonly (readonly [number, number])[]): Promise<void> {
    for (let number = 0; number < nodes; number += 1) await this.#startNode();
    const [first] = this.nodes;
    for (const [a, b] of friends) {
      if (a === b || !first) continue;
      await this.#asks.ask({ user: a, via: 0, what: { ask: 'relate', other: b, change: 'add' } });
      await this.#asks.ask({ user: b, via: 0, what: { ask: 'relate', other: a, change: 'add' } });
    }
  }

  async take(step: Step): Promise<void> {
    this.note(JSON.stringify(step));
    switch (step.step) {
      case 'ask':
        for (const asking of step.all) this.inBackground(this.#asks.ask(asking));
        break;
      case 'drop':
        this.#asks.drop(step.user, step.device);
        break;
      case 'pass':
        await this.plant.pass(step.ms);
        break;
      case 'node':
        await this.#upset(step.via, step.event);
        break;
      default:
        await this.watching.take(step);
    }
    await this.plant.settle();
    this.#mustBeWell();
  }

  /** All is well again and time passes: rule 5.2. */
  async rest(): Promise<void> {
    this.plant.calm();
    for (const node of this.nodes) if (node.alive && !node.up) this.#heal(node);
    if (!this.nodes.some(({ up }) => up)) await this.#startNode();
    await this.finish();
    this.#asks.closeLeft();
    await this.finish();
    await this.plant.pass(this.options.restMs);
    await this.watching.comeBack();
    await this.finish();
    await this.#untilAllAgree();
  }

  async #untilAllAgree(): Promise<void> {
    const deadline = this.plant.now() + this.plant.agreeMs;
    for (;;) {
      this.#mustBeWell();
      try {
        await this.watching.mustAgree();
        return;
      } catch (error) {
        if (this.plant.now() >= deadline) throw error;
      }
      await this.plant.pass(PATIENCE.ms);
    }
  }

  async finish(): Promise<void> {
    for (let round = 0; this.#pending.size > 0; round += 1) {
      if (round > PATIENCE.rounds) throw new Error('Something that was asked is never answered.');
      await this.plant.pass(PATIENCE.ms);
      this.#mustBeWell();
    }
    await this.plant.settle();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.watching.close();
    for (const node of this.nodes) {
      if (!node.alive) continue;
      node.standing = 'dead';
      await node.engines.kill();
      await node.rollcall.close();
    }
  }

  note(line: string): void {
    this.history.push(`${this.plant.now()} ${line}`);
  }

  inBackground(task: Promise<void>): void {
    const watched = task
      .catch((error: unknown) => void this.#failures.push(error))
      .finally(() => this.#pending.delete(watched));
    this.#pending.add(watched);
  }

  fail(error: unknown): void {
    this.#failures.push(error);
  }

  /** The node of that number among those that can be reached; null when none can. */
  reachable(via: number): ModelNode | null {
    const up = this.nodes.filter((node) => node.up);
    return up[via % Math.max(1, up.length)] ?? null;
  }

  /** What is bound to it is kept, and where nothing ends by itself all else is, too. */
  isOpen(id: string | null): boolean {
    if (this.options.endless) return true;
    return this.#asks.devices.some(({ connection }) => connection?.id === id && connection.open && connection.node.up);
  }

  /** Its node has been out of reach of the store. */
  broke(id: string): boolean {
    return this.#asks.devices.some(({ connection }) => connection?.id === id && connection.node.hasBroken);
  }

  #mustBeWell(): void {
    const [failure] = this.#failures;
    if (failure !== undefined) throw failure;
  }

  async #startNode(): Promise<void> {
    const engines = await this.plant.open();
    const starting = createRollcall({ ...engines, settings: this.options.settings, log: quiet });
    const rollcall = await starting;
    this.nodes.push(new ModelNode(this.nodes.length, rollcall, engines));
  }

  async #upset(via: number, event: NodeEvent): Promise<void> {
    const alive = this.nodes.filter((node) => node.alive);
    const node = alive[via % Math.max(1, alive.length)];
    const now = this.plant.now();
    if (event === 'start') {
      if (alive.length < MAX_NODES) this.inBackground(this.#startNode());
      return;
    }
    if (!node) return;
    if (event === 'heal') {
      if (!node.up) this.#heal(node);
      return;
    }
    if (event !== 'kill' && !node.up) return;
    node.break(event === 'kill' ? 'dead' : event, now);
    for (const device of this.#asks.devices) device.nodeBroke(node, now, this.options.settings);
    if (event === 'sleep') node.engines.sleep();
    if (event === 'cut') node.engines.cut();
    if (event !== 'kill') return;
    await node.engines.kill();
    await this.watching.lose(node);
    this.inBackground(node.rollcall.close());
    for (const device of this.#asks.devices) {
      if (device.connection?.node === node) device.connection = null;
    }
  }

  #heal(node: ModelNode): void {
    node.heal(this.plant.now());
    node.engines.heal();
  }

  async persistently<T>(via: number, run: Use<T>): Promise<T> {
    for (let tried = 0; ; tried += 1) {
      if (this.#closed) throw new Error('The model is closed.');
      const node = this.reachable(via + tried);
      if (node) {
        try {
          return await run(node.rollcall, node);
        } catch (error) {
          if (!(error instanceof RollcallError) || !mayTryAgain(error)) throw error;
        }
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

/** What was held up on its way until the time that it names had passed is asked anew, for another time. */
function mayTryAgain({ code, argument }: RollcallError): boolean {
  return code === 'UNAVAILABLE' || argument === 'expiresAt';
}
