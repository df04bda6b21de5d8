import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Actor } from '../support/actors.ts';
import { type FleetNode, LEASE_MS, SPANS, startFleet } from '../support/fleet.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { Stage, sleep } from '../support/stage.ts';

/**
 * A store that comes back with what it held some time ago, as after a failover to a replica that lagged behind, or a
 * crash before the log was on the disk.
 */
class Relapse {
  readonly #directory = mkdtempSync(join(tmpdir(), 'rollcall-relapse-'));
  readonly args = ['--dir', this.#directory, '--appendonly', 'yes', '--appendfsync', 'always'];
  readonly #log = join(this.#directory, 'appendonlydir');
  readonly #copy = join(this.#directory, 'copy');

  /** Everything written by now, and nothing later, will be there again. */
  remember(): void {
    rmSync(this.#copy, { recursive: true, force: true });
    cpSync(this.#log, this.#copy, { recursive: true });
  }

  /** To be called while the server is down. */
  fallBack(): void {
    rmSync(this.#log, { recursive: true, force: true });
    cpSync(this.#copy, this.#log, { recursive: true });
  }

  close(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

let relapse: Relapse;
let redis: RedisServer;
let nodes: readonly FleetNode[];
let stage: Stage;
let count = 0;

beforeAll(async () => {
  relapse = new Relapse();
  redis = await startRedis({ args: relapse.args });
  nodes = await startFleet(2, { engineUrl: redis.url });
});
afterAll(async () => {
  await Promise.all((nodes ?? []).map((node) => node.close()));
  await redis?.stop();
  relapse?.close();
});

describe('a store that loses what it was told last', () => {
  beforeEach(async () => {
    stage = await Stage.open({ engineUrl: redis.url, name: `r${count++}`, bound: 4, beating: 2, observers: 2 }, nodes);
  });
  afterEach(() => stage?.close());

  /** Down, back to where it was, and up again, for about `outageMs`. */
  async function loseWrites(outageMs: number, forgotten: readonly Actor[] = []): Promise<void> {
    const from = Date.now();
    await redis.kill('SIGKILL');
    relapse.fallBack();
    await sleep(outageMs);
    await redis.restart();
    stage.lostWrites(from, forgotten);
  }

  for (const [how, outageMs] of [
    ['at once', 0],
    ['after a while', 2 * SPANS.nodeLeaseMs],
  ] as const) {
    it(`rules 2.9, 5.5: sessions that had moved to another node stay where they are; back ${how}`, async () => {
      const movers = stage.bound;
      relapse.remember();
      for (const actor of movers) actor.goElsewhere();
      await Promise.all(movers.map((actor) => actor.untilBound()));
      await loseWrites(outageMs);
      // Whoever the node that is named by the store does not know would end with the grace.
      await sleep(2 * SPANS.graceMs + LEASE_MS);
      const convergence = await stage.converge();
      // Nor would they ever end whose node does not know that it has them.
      const [gone] = movers;
      gone?.vanish();
      const goneAt = Date.now();
      const seen = await Promise.all(stage.observers.map((viewer) => viewer.sees(gone?.userId ?? '', 'OFFLINE')));
      stage.report(`lost rebinding, back ${how}`, { convergence, ghost: Math.max(...seen) - goneAt });
      expect(stage.verdict().slice(0, 12)).toEqual([]);
    });

    it(`rules 2.5, 5.5: who had left and is here again in the data does not stay; back ${how}`, async () => {
      const [closed] = stage.bound;
      if (!closed) throw new Error('Nobody is there.');
      relapse.remember();
      closed.vanish();
      await Promise.all(stage.observers.map((viewer) => viewer.sees(closed.userId, 'OFFLINE')));
      await loseWrites(outageMs);
      const backAt = Date.now();
      const seen = await Promise.all(
        stage.observers.map((viewer) =>
          viewer.until('the second end', () => (viewer.roster.get(closed.userId)?.since ?? 0) > backAt),
        ),
      );
      await Promise.all(stage.observers.map((viewer) => viewer.sees(closed.userId, 'OFFLINE')));
      const convergence = await stage.converge();
      stage.report(`lost goodbye, back ${how}`, { ghost: Math.max(...seen) - backAt, convergence });
      expect(stage.verdict().slice(0, 12)).toEqual([]);
    });

    it(`rules 2.2, 5.5: who had come last is not forgotten while their connection is open; back ${how}`, async () => {
      relapse.remember();
      const late = stage.addBound('late', 0);
      await late.start();
      await loseWrites(outageMs, [late]);
      for (const { userId } of stage.observers) await stage.befriendAll(userId);
      await sleep(LEASE_MS);
      const convergence = await stage.converge();
      stage.report(`lost session, back ${how}`, { convergence });
      expect(stage.verdict().slice(0, 12)).toEqual([]);
    });
  }
});
