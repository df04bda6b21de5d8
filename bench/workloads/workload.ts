import type { Contestant } from '../contestants/contestant.ts';
import type { Graph } from '../crowd/graph.ts';

/** Something that all contestants are given to do, and what of it is measured. */
export interface Workload {
  /** As on the command line. */
  readonly name: string;
  readonly title: string;
  /** What is done, in a sentence or two, for the results. */
  readonly about: string;
  /** The first one is what contestants are compared by. */
  readonly columns: readonly Column[];
  /** About how long one contestant takes in its usual shape, s: only to say how long all will take. */
  readonly seconds: number;
  /** One line on why it cannot be run on this machine, else null. */
  obstacle?(): string | null;
  /** Null where the contestant can do it, else in a few words why not. */
  leavesOut(contestant: Contestant): string | null;
  run(contestant: Contestant, setting: Setting): Promise<Figures>;
}

export interface Column {
  readonly key: string;
  readonly label: string;
  readonly unit: string;
}

/** By the key of a column. What could not be measured is left out. */
export type Figures = Readonly<Record<string, number>>;

/** How much of it, the same for all contestants. */
export interface Setting {
  readonly viewers: number;
  /** An even number. */
  readonly friends: number;
  /** How long is measured, s; half of it is spent before to warm up. */
  readonly seconds: number;
  /** Changes of all users together, a second, where all contestants get the same. */
  readonly rate: number;
  /** Idle connections. */
  readonly idle: number;
  readonly facebook: Graph;
  /** What servers are started under. */
  readonly under: readonly string[];
  /** Says what is under way; shown until the next one. */
  readonly status: (what: string) => void;
}
