import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { CONTESTANTS } from '../contestants/all.ts';
import type { Contestant } from '../contestants/contestant.ts';
import { FACEBOOK_PEOPLE } from '../crowd/graph.ts';
import { WORKLOADS } from '../workloads/all.ts';
import { sockets } from '../workloads/sockets.ts';
import type { Setting, Workload } from '../workloads/workload.ts';

export const USAGE = `Usage: npm run bench -- [options]
  --only a,b          workloads: ${WORKLOADS.map(({ name }) => name).join(', ')}
  --contestants a,b   of: ${CONTESTANTS.map(({ name }) => name).join(', ')}
  --runs N            5
  --quick             a small shape and one run, to see that everything works: its figures mean nothing
  --viewers N         1000
  --friends N         100, an even number below the viewers
  --seconds N         5, measured for each contestant and run
  --rate N            150 changes a second, where all contestants get the same
  --idle N            10000 idle connections
  --graph FILE        a friend graph for facebook, a pair a line
  --sockets N         instead of all that: so many viewers of Rollcall, who all drop and come back
  --nodes N           1, processes of Rollcall that share them
  --out DIR           where results are written; without it those of a shape or contestants of one's own are only shown`;

export type Shape = Pick<Setting, 'viewers' | 'friends' | 'seconds' | 'rate' | 'idle'> & {
  /** In the generated friend graph. */
  readonly people: number;
};

export interface Options {
  readonly workloads: readonly Workload[];
  readonly contestants: readonly Contestant[];
  readonly runs: number;
  readonly shape: Shape;
  readonly graph: string | null;
  /** Null: nowhere. */
  readonly out: string | null;
}

const FULL: Shape = { viewers: 1_000, friends: 100, seconds: 5, rate: 150, idle: 10_000, people: FACEBOOK_PEOPLE };
const QUICK: Shape = { viewers: 20, friends: 10, seconds: 1, rate: 100, idle: 100, people: 100 };
const RUNS = 5;
const HERE = fileURLToPath(new URL('..', import.meta.url));

/** Throws an error with what to do instead. */
export function readOptions(args: readonly string[]): Options {
  const values = parse(args);
  if (values.help) throw new Error(USAGE);
  const base = values.quick ? QUICK : FULL;
  const shape: Shape = {
    viewers: whole('--viewers', values.viewers, base.viewers),
    friends: whole('--friends', values.friends, base.friends),
    seconds: positive('--seconds', values.seconds, base.seconds),
    rate: positive('--rate', values.rate, base.rate),
    idle: whole('--idle', values.idle, base.idle),
    people: base.people,
  };
  if (shape.friends % 2 !== 0 || shape.friends >= shape.viewers) {
    throw new Error(`--friends must be even and below --viewers (${shape.viewers}), not ${shape.friends}.`);
  }
  if (values.nodes !== undefined && values.sockets === undefined) throw new Error('--nodes needs --sockets.');
  const nodes = whole('--nodes', values.nodes, 1);
  const scale = values.sockets === undefined ? null : sockets(whole('--sockets', values.sockets, 0), nodes);
  const usualRuns = values.quick || scale ? 1 : RUNS;
  const runs = whole('--runs', values.runs, usualRuns);
  const everybody = values.contestants === undefined;
  const usual = !values.quick && everybody && runs === usualRuns && JSON.stringify(shape) === JSON.stringify(FULL);
  return {
    workloads: scale ? [scale] : pick('--only', values.only, WORKLOADS),
    contestants: pick('--contestants', scale ? 'rollcall' : values.contestants, CONTESTANTS),
    runs,
    shape,
    graph: values.graph ?? null,
    out: values.out ?? (usual ? HERE : null),
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        only: { type: 'string' },
        contestants: { type: 'string' },
        runs: { type: 'string' },
        quick: { type: 'boolean', default: false },
        viewers: { type: 'string' },
        friends: { type: 'string' },
        seconds: { type: 'string' },
        rate: { type: 'string' },
        idle: { type: 'string' },
        graph: { type: 'string' },
        sockets: { type: 'string' },
        nodes: { type: 'string' },
        out: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
  }
}

/** All of them when nothing is named; in their own order. */
function pick<T extends { readonly name: string }>(flag: string, text: string | undefined, all: readonly T[]): T[] {
  if (text === undefined) return [...all];
  const names = text.split(',').map((name) => name.trim());
  const unknown = names.find((name) => !all.some((item) => item.name === name));
  if (unknown !== undefined) throw new Error(`${flag} knows no ${unknown}.\n${USAGE}`);
  return all.filter(({ name }) => names.includes(name));
}

function whole(flag: string, text: string | undefined, fallback: number): number {
  const number = positive(flag, text, fallback);
  if (!Number.isInteger(number)) throw new Error(`${flag} must be a whole number, not ${text}.`);
  return number;
}

function positive(flag: string, text: string | undefined, fallback: number): number {
  const number = text === undefined ? fallback : Number(text);
  if (!Number.isFinite(number) || number <= 0) throw new Error(`${flag} must be a number above 0, not ${text}.`);
  return number;
}
