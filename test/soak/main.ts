import { Bustle } from '../support/bustle.ts';
import { Stage, sleep } from '../support/stage.ts';
import { ENGINES } from './engines.ts';
import { FAILURES } from './failures.ts';
import { Measures } from './measures.ts';
import { readOptions, type SoakOptions } from './options.ts';
import { between, oneOf, seeded } from './random.ts';
import { report } from './report.ts';
import type { Failures, Scene } from './scene.ts';

/** After so many failures everything is let settle and compared. */
const ROUND = 5;
const EVERY_MS = 40;

process.exitCode = await main();

async function main(): Promise<number> {
  let options: SoakOptions;
  try {
    options = readOptions(process.argv.slice(2));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return 2;
  }
  const { seed, nodes, minutes } = options;
  const engine = await ENGINES[options.engine]?.();
  if (!engine) throw new Error(`There is no engine ${options.engine}.`);
  console.log(`seed ${seed}: ${nodes} nodes on ${options.engine} for ${minutes} minutes`);
  let stage: Stage | null = null;
  try {
    stage = await Stage.open({ engineUrl: engine.url, name: 'soak', nodes });
    const random = seeded(seed);
    const bustle = new Bustle(stage, EVERY_MS, random);
    try {
      const failures = { ...FAILURES, ...engine.failures };
      return await soak({ stage, bustle, random, measures: new Measures() }, failures, options);
    } finally {
      await bustle.stop().catch(() => undefined);
    }
  } finally {
    await stage?.close();
    await engine.stop();
  }
}

async function soak(scene: Scene, failures: Failures, options: SoakOptions): Promise<number> {
  const { stage, bustle, random, measures } = scene;
  const { truth } = stage;
  const injected = new Map<string, number>();
  const startedAt = Date.now();
  const endsAt = startedAt + options.minutes * 60_000;
  const judging = setInterval(() => truth.judge(), 1_000);
  let done = 0;
  let broken: string | null = null;
  try {
    while (Date.now() < endsAt && truth.violations.length === 0) {
      for (let turn = 0; turn < ROUND && Date.now() < endsAt && truth.violations.length === 0; turn++) {
        // Sometimes before everything has recovered from the last one, but never before a node could renew its lease.
        await sleep(between(random, 1_200, 3_000));
        const [name, fail] = oneOf(random, Object.entries(failures));
        truth.note(`FAILURE ${name}`);
        await fail(scene);
        truth.note(`HEALED ${name}`);
        injected.set(name, (injected.get(name) ?? 0) + 1);
        done += 1;
        progress(startedAt, endsAt, `${done} failures, ${truth.tally.states} states judged, the last: ${name}`);
      }
      await bustle.rest();
      measures.add('convergence', await stage.converge());
      bustle.goOn();
    }
    await bustle.rest();
    measures.add('convergence', await stage.converge());
  } catch (error) {
    broken = error instanceof Error ? error.message : String(error);
  } finally {
    clearInterval(judging);
  }
  const violations = [...stage.verdict(), ...(broken === null ? [] : [broken])];
  console.log(
    report({ ...options, minutes: (Date.now() - startedAt) / 60_000, injected, measures, truth, violations }),
  );
  return violations.length === 0 ? 0 : 1;
}

function progress(startedAt: number, endsAt: number, what: string): void {
  const now = Date.now();
  const percent = Math.min(100, Math.floor((100 * (now - startedAt)) / (endsAt - startedAt)));
  console.log(`${String(percent).padStart(3)} %  ${Math.round((now - startedAt) / 1_000)} s  ${what}`);
}
