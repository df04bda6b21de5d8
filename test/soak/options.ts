import { parseArgs } from 'node:util';

export interface SoakOptions {
  readonly minutes: number;
  readonly seed: number;
  readonly nodes: number;
}

export const USAGE = 'npm run soak -- [--minutes 5] [--seed NUMBER] [--nodes 2|3]';

/** Throws with one line for whoever typed it. */
export function readOptions(args: readonly string[]): SoakOptions {
  const { values } = parseArgs({
    args: [...args],
    options: { minutes: { type: 'string' }, seed: { type: 'string' }, nodes: { type: 'string' } },
  });
  return {
    minutes: number('minutes', values.minutes ?? '5', 0.1, 100_000),
    seed: number('seed', values.seed ?? String(Math.floor(Math.random() * 1e9)), 0, 2 ** 32 - 1),
    nodes: number('nodes', values.nodes ?? '3', 2, 8),
  };
}

function number(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= min && value <= max)) {
    throw new Error(`--${name} must be a number from ${min} to ${max}, not ${text}. ${USAGE}`);
  }
  return value;
}
