import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { redisServerBinary } from '../test/support/redis-binary.ts';
import type { Contestant } from './contestants/contestant.ts';
import { facebookLikeGraph, graphFromFile } from './crowd/graph.ts';
import { spreadOf } from './measure/spread.ts';
import { chart } from './report/chart.ts';
import { goals } from './report/goals.ts';
import { page } from './report/page.ts';
import { type Conditions, merge, type Row, readResults, type Section, writeResults } from './report/results.ts';
import { details, FAILED, plain, points, summary } from './report/table.ts';
import { describeCommit, describeMachine, describeRedis, pinDriver, versionOf } from './run/machine.ts';
import { type Options, readOptions } from './run/options.ts';
import { Status } from './run/status.ts';
import { WORKLOADS } from './workloads/all.ts';
import type { Figures, Setting, Workload } from './workloads/workload.ts';

const PACKAGES = [
  'graphql-yoga',
  'graphql-ws',
  'graphql-redis-subscriptions',
  'socket.io',
  '@socket.io/redis-adapter',
  'ws',
];
const NO_PERSISTED = 'there are no persisted documents yet';

/** Resolves with the exit code: 0 only when every contestant did all that it was given. */
async function main(args: readonly string[]): Promise<number> {
  const options = readOptions(args);
  for (const { obstacle } of options.workloads) {
    const why = obstacle?.() ?? null;
    if (why !== null) throw new Error(why);
  }
  const measurements = options.workloads.flatMap((workload) =>
    options.contestants.flatMap((contestant) => (workload.leavesOut(contestant) === null ? workload.seconds : [])),
  );
  const status = new Status(options.runs * measurements.reduce((sum, seconds) => sum + seconds, 0));
  const say = (line: string): void => status.say(line);
  const under = pinDriver(say);
  const conditions = await conditionsOf(options);
  say(`${conditions.machine}; ${conditions.versions}`);
  const setting: Setting = {
    ...options.shape,
    facebook: options.graph === null ? facebookLikeGraph(options.shape.people) : graphFromFile(options.graph),
    under,
    status: (what) => status.note(what),
  };
  const failures: string[] = [];
  const sections: Section[] = [];
  for (const workload of options.workloads) {
    const outcomes = new Map(options.contestants.map((contestant) => [contestant, new Outcome(contestant, workload)]));
    for (let run = 1; run <= options.runs; run++) {
      for (const [contestant, outcome] of outcomes) {
        if (outcome.missing === null) {
          status.begin(`${workload.name}, run ${run} of ${options.runs}, ${contestant.label}`);
          await outcome.add(() => workload.run(contestant, setting));
        }
        if (workload.leavesOut(contestant) === null) status.done(workload.seconds);
      }
    }
    const rows = [...outcomes.values()].map((outcome) => outcome.row());
    for (const { fault } of outcomes.values()) if (fault !== null) failures.push(fault);
    const section = {
      workload: workload.name,
      title: workload.title,
      about: workload.about,
      columns: workload.columns,
      rows,
      conditions,
    };
    sections.push(section);
    // Each time, so that what is measured is kept whatever comes later.
    if (options.out !== null) write(options.out, section);
    say(`\n${workload.title}\n${plain(details(section))}`);
    const growth = points(section);
    if (growth) say(`\n${plain(growth)}`);
    say('');
  }
  say(plain(summary(sections)));
  say(`\n${plain(goals(sections, true))}`);
  if (options.out !== null) say(`\nWritten to ${join(options.out, 'results.md')}, results.svg and results.json.`);
  for (const failure of failures) console.error(`\nFAILED ${failure}`);
  return failures.length === 0 ? 0 : 1;
}

/** All runs of one contestant in one workload. */
class Outcome {
  readonly #contestant: Contestant;
  readonly #workload: Workload;
  readonly #runs: Figures[] = [];
  /** Why there will be no more figures. */
  missing: string | null;
  /** What went wrong, with the output of what failed. */
  fault: string | null = null;

  constructor(contestant: Contestant, workload: Workload) {
    this.#contestant = contestant;
    this.#workload = workload;
    this.missing = workload.leavesOut(contestant);
  }

  async add(run: () => Promise<Figures>): Promise<void> {
    try {
      const figures = await run();
      if (Object.keys(figures).length > 0) this.#runs.push(figures);
      else this.missing = NO_PERSISTED;
    } catch (error) {
      const why = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.fault = `${this.#workload.name}, ${this.#contestant.label}: ${why}`;
      this.missing = FAILED;
      console.error(`\nFAILED ${this.fault}`);
    }
  }

  row(): Row {
    const keys = [...new Set(this.#runs.flatMap((figures) => Object.keys(figures)))];
    const valuesOf = (key: string): number[] => this.#runs.flatMap((figures) => figures[key] ?? []);
    const figures = Object.fromEntries(keys.map((key) => [key, spreadOf(valuesOf(key))]));
    const { name, label } = this.#contestant;
    // A contestant that has failed once has no figures at all.
    return { contestant: name, label, missing: this.missing, figures: this.missing === null ? figures : {} };
  }
}

async function conditionsOf({ shape, runs }: Options): Promise<Conditions> {
  const commit = describeCommit();
  const redis = describeRedis(await redisServerBinary());
  const packages = PACKAGES.map((name) => `${name} ${versionOf(name)}`);
  return {
    date: new Date().toISOString().slice(0, 10),
    machine: describeMachine(),
    versions: [...(commit === null ? [] : [`Rollcall at ${commit}`]), redis, ...packages].join(', '),
    shape,
    runs,
  };
}

/** Puts one workload in the place of what was measured of it before. */
function write(directory: string, measured: Section): void {
  const order = [...WORKLOADS.map(({ name }) => name), 'sockets', 'sockets-nodes'];
  const sections = merge(readResults(directory), [measured], order);
  mkdirSync(directory, { recursive: true });
  writeResults(directory, sections);
  writeFileSync(join(directory, 'results.md'), page(sections));
  writeFileSync(join(directory, 'results.svg'), chart(sections));
}

// What this process has started ends with it, but only where it exits by itself.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
// All is said and written: nothing that a contestant has left behind may keep this process.
process.exit();
