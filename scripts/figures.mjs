// Reads the output of any number of test runs and prints what their scenarios measured: how often, the median, the longest.
//   npx vitest run test/faults test/cluster test/sentinel | node scripts/figures.mjs
import { createInterface } from 'node:readline';
import { stripVTControlCharacters } from 'node:util';

// Counts, not spans.
const COUNTS = new Set(['changes', 'frames', 'states', 'repeats', 'resets', 'stale', 'false OFFLINE']);
const figures = new Map();

for await (const line of createInterface({ input: process.stdin })) {
  const [, scenario, list] = /^([^:]+): ((?:[A-Za-z ]+ -?\d+, )+stale \d+)$/.exec(stripVTControlCharacters(line)) ?? [];
  for (const part of list?.split(', ') ?? []) {
    const [, name, value] = /^(.*) (-?\d+)$/.exec(part);
    const key = `${scenario} | ${name}`;
    figures.set(key, [...(figures.get(key) ?? []), Number(value)]);
  }
}

for (const [key, values] of [...figures].sort()) {
  const sorted = values.toSorted((a, b) => a - b);
  const [median, longest] = [sorted[Math.floor(sorted.length / 2)], sorted.at(-1)];
  const name = key.split(' | ')[1];
  if (!COUNTS.has(name)) console.log(`${key}: n ${values.length}, median ${median} ms, longest ${longest} ms`);
  else if (name === 'states' || name === 'false OFFLINE') {
    console.log(`${key}: n ${values.length}, ${values.reduce((sum, value) => sum + value, 0)} in all`);
  }
}
