import type { Truth } from '../support/truth.ts';
import type { Measures } from './measures.ts';

export interface SoakResult {
  readonly seed: number;
  readonly nodes: number;
  readonly engine: string;
  readonly minutes: number;
  readonly injected: ReadonlyMap<string, number>;
  readonly measures: Measures;
  readonly truth: Truth;
  readonly violations: readonly string[];
}

const SHOWN_VIOLATIONS = 10;
const SHOWN_EVENTS = 150;

/** One page, and, where something was violated, what happened before. */
export function report({ seed, nodes, engine, minutes, injected, measures, truth, violations }: SoakResult): string {
  const { frames, states, repeats, resets, stale, falseOffline } = truth.tally;
  const lines = [
    '',
    `Soak of ${minutes.toFixed(1)} minutes: ${nodes} nodes on ${engine}, seed ${seed}`,
    '',
    `Failures injected: ${[...injected.values()].reduce((sum, count) => sum + count, 0)}`,
    ...[...injected].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, count]) => `  ${count} × ${name}`),
    '',
    'Held against the rules',
    `  ${frames} frames, none with a friend twice, none that showed a friend earlier than one before it`,
    `  ${states} states of friends, by whether they could be true of that friend for that viewer at that time`,
    `  ${repeats} repeated what had been shown, ${resets} frames began anew, ${stale} said stale, ${falseOffline} false OFFLINE`,
    '',
    'Bounds seen',
    ...measures.lines().map((line) => `  ${line}`),
    '',
    violations.length === 0 ? 'No violation.' : `${violations.length} VIOLATIONS`,
    ...violations.slice(0, SHOWN_VIOLATIONS).map((violation) => `  ${violation}`),
  ];
  const [first] = violations;
  if (first !== undefined) {
    const users = first.match(/\bsoak-\w+/g) ?? [];
    lines.push('', `What happened to ${users.join(' and ')}:`, ...truth.history(users, SHOWN_EVENTS));
  }
  return lines.join('\n');
}
