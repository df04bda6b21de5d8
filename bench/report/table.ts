import type { Spread } from '../measure/spread.ts';
import { type Row, ratio, type Section } from './results.ts';

/** Rows of cells; the first one is the head. */
export type Table = readonly (readonly string[])[];

/**
 * Everything in one table: what it cost, how much more than Rollcall's, and the rest of what was measured. Who was left out
 * of a workload on purpose is not in it; who failed is.
 */
export function summary(sections: readonly Section[]): Table {
  const head = ['workload', 'contestant', 'cost', '÷ Rollcall', 'throughput', 'p50 ms', 'p99 ms', 'heap', 'RSS', 'and'];
  const rows = sections.flatMap((section) =>
    section.rows.filter(({ missing }) => missing === null || missing === FAILED).map((row) => summaryRow(section, row)),
  );
  return [head, ...rows];
}

/** Why there are no figures of a contestant that did not do all that it was given. */
export const FAILED = 'FAILED';

/** By their keys; whatever else there is stands in the last column. */
const OWN_COLUMN = ['p50', 'p99', 'throughput', 'capacity', 'heap', 'rss'];

function summaryRow(section: Section, row: Row): string[] {
  const [first, ...others] = section.columns;
  if (row.missing !== null || !first) {
    return [section.workload, row.label, row.missing ?? '–', ...Array<string>(7).fill('')];
  }
  const cell = (key: string): string => {
    const column = others.find((other) => other.key === key);
    const spread = row.figures[key];
    if (!column || !spread) return '';
    return key === 'heap' || key === 'rss' ? `${show(spread)} ${column.unit}` : show(spread);
  };
  const cost = row.figures[first.key];
  const rest = others.filter(({ key }) => !OWN_COLUMN.includes(key) && row.figures[key]);
  return [
    section.workload,
    row.label,
    cost ? `${show(cost)} ${first.unit}`.trim() : '–',
    times(ratio(section, row)),
    cell('throughput') || cell('capacity'),
    cell('p50'),
    cell('p99'),
    cell('heap'),
    cell('rss'),
    rest.map(({ key, label, unit }) => `${label} ${cell(key)} ${unit}`.trim()).join('; '),
  ];
}

/** One workload with all of its columns. */
export function details(section: Section): Table {
  const head = [
    '',
    ...section.columns.map(({ label, unit }) => (unit === '' ? label : `${label}, ${unit}`)),
    '÷ Rollcall',
  ];
  const rows = section.rows.map((row) => [
    row.label,
    ...section.columns.map(({ key }, index) => {
      const spread = row.figures[key];
      if (spread) return show(spread);
      return index === 0 && row.missing !== null ? `– ${row.missing}` : '–';
    }),
    times(ratio(section, row)),
  ]);
  return [head, ...rows];
}

/** Points along the axes of `growth`; null for a section without any. */
export function points(section: Section): Table | null {
  const rows = section.rows.flatMap(({ figures }) =>
    Object.entries(figures).flatMap(([key, spread]) => {
      const [, axis, at] = /^(\w+)=(\d+)$/.exec(key) ?? [];
      return axis === undefined || at === undefined ? [] : [[axis, whole(Number(at)), show(spread)]];
    }),
  );
  return rows.length === 0 ? null : [['what grows', 'to', 'CPU a change, µs'], ...rows];
}

/** Median, and how far the runs lie apart. */
export function show({ median, min, max, runs }: Spread): string {
  return runs > 1 && min !== max ? `${number(median)} (${number(min)}–${number(max)})` : number(median);
}

/** Three digits that count, and no more than whole numbers from a hundred on. */
export function number(value: number): string {
  if (!Number.isFinite(value)) return '?';
  const size = Math.abs(value);
  if (size >= 100) return whole(value);
  if (size >= 10) return value.toFixed(1);
  return size >= 1 || size === 0 ? value.toFixed(2) : value.toPrecision(2);
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

function times(value: number | null): string {
  return value === null ? '' : `${number(value)} ×`;
}

/** With blanks between columns, for a terminal. The last column takes what it needs. */
export function plain(table: Table): string {
  const [head = []] = table;
  const widths = head.map((_, column) => Math.max(...table.map((row) => (row[column] ?? '').length)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd();
  const rule = widths.map((width, column) => '─'.repeat(column === widths.length - 1 ? 3 : width)).join('  ');
  const [first = '', ...rest] = table.map(line);
  return [first, rule, ...rest].join('\n');
}

export function markdown(table: Table): string {
  const line = (row: readonly string[]): string => `| ${row.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  const [head = [], ...rest] = table;
  return [line(head), line(head.map(() => '---')), ...rest.map(line)].join('\n');
}
