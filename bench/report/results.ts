import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Spread } from '../measure/spread.ts';
import type { Shape } from '../run/options.ts';
import type { Column } from '../workloads/workload.ts';

/** What one contestant came to in one workload. */
export interface Row {
  readonly contestant: string;
  readonly label: string;
  /** Why there are no figures; null where there are. */
  readonly missing: string | null;
  readonly figures: Readonly<Record<string, Spread>>;
}

/** One workload, measured in one go. */
export interface Section {
  readonly workload: string;
  readonly title: string;
  readonly about: string;
  readonly columns: readonly Column[];
  readonly rows: readonly Row[];
  readonly conditions: Conditions;
}

/** Under which it was measured. */
export interface Conditions {
  readonly date: string;
  readonly machine: string;
  readonly versions: string;
  readonly shape: Shape;
  readonly runs: number;
}

const FILE = 'results.json';

/** By workload: what was measured last of each. Empty where nothing was. */
export function readResults(directory: string): Section[] {
  let text: string;
  try {
    text = readFileSync(join(directory, FILE), 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
  // Only `writeResults` writes it.
  return JSON.parse(text) as Section[];
}

export function writeResults(directory: string, sections: readonly Section[]): void {
  writeFileSync(join(directory, FILE), `${JSON.stringify(sections, null, 1)}\n`);
}

/** What was measured now in the place of what was measured before, in the order given. */
export function merge(before: readonly Section[], now: readonly Section[], order: readonly string[]): Section[] {
  const byName = new Map([...before, ...now].map((section) => [section.workload, section]));
  return order.flatMap((name) => byName.get(name) ?? []);
}

/** How many times as much a contestant needs as Rollcall, by the first column; null where either has no figure. */
export function ratio(section: Section, row: Row): number | null {
  const [first] = section.columns;
  const own = section.rows.find(({ contestant }) => contestant === 'rollcall');
  if (!first || !own || row === own) return null;
  const mine = own.figures[first.key]?.median;
  const theirs = row.figures[first.key]?.median;
  return mine === undefined || theirs === undefined || !(mine > 0) ? null : theirs / mine;
}
