import { parseArgs } from 'node:util';
import { ENGINES } from './engines.ts';

export interface SoakOptions {
  readonly minutes: number;
  readonly seed: number;
  readonly nodes: number;
  readonly engine: string;
}

export const USAGE = 'npm run soak -- [--minutes 5] [--seed NUMBER] [--nodes 2|3] [--engine redis|sentinel|cluster]';

/** Throws with one line for whoever typed it. */
export function readOptions(args: readonly string[]): SoakOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: 'string' },
      seed: { type: 'string' },
      nodes: { type: 'string' },
      engine: { type: 'string' },
    },
  });
  return {
    minutes: number('minutes', values.minutes ?? '5', 0.1, 100_000),
    seed: number('seed', values.seed ?? String(Math.floor(Math.random() * 1e9)), 0, 2 ** 32 - 1),
    nodes: number('nodes', values.nodes ?? '3', 2, 8),
    engine: oneOf('engine', values.engine ?? 'redis', Object.keys(ENGINES)),
  };
}

function number(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= min && value <= max)) {
    throw new Error(`--${name} must be a number from ${min} to ${max}, not ${text}. ${USAGE}`);
  }
  return value;
}

function oneOf(name: string, value: string, values: readonly string[]): string {
  if (values.includes(value)) return value;
  throw new Error(`--${name} must be one of ${values.join(', ')}, not ${value}. ${USAGE}`);
}
