import { expect, test } from 'vitest';
import type { Logger } from '../../src/log.ts';
import { limitLog } from '../../src/server/limited-log.ts';

interface Line {
  readonly level: string;
  readonly message: string;
  readonly leftOut?: number;
}

function recorder(): { lines: Line[]; log: Logger } {
  const lines: Line[] = [];
  const at =
    (level: string) =>
    (details: object, message: string): void =>
      void lines.push({ level, message, ...details });
  return { lines, log: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') } };
}

test('of one message so many lines are written in one span; the first of the next one counts the rest', () => {
  let now = 0;
  const { lines, log } = recorder();
  const limited = limitLog(log, { most: 2, spanMs: 1_000, now: () => now });
  for (let index = 0; index < 5; index++) limited.error({ index }, 'failed');
  limited.warn({}, 'another');
  now = 999;
  limited.error({}, 'failed');
  now = 1_000;
  limited.error({}, 'failed');
  limited.error({}, 'failed');
  limited.error({}, 'failed');
  now = 2_000;
  limited.error({}, 'failed');
  expect(lines).toEqual([
    { level: 'error', message: 'failed', index: 0 },
    { level: 'error', message: 'failed', index: 1 },
    { level: 'warn', message: 'another' },
    { level: 'error', message: 'failed', leftOut: 4 },
    { level: 'error', message: 'failed' },
    { level: 'error', message: 'failed', leftOut: 1 },
  ]);
});

test('what is for developers and what tells of the process itself is not limited', () => {
  const { lines, log } = recorder();
  const limited = limitLog(log, { most: 1, spanMs: 1_000, now: () => 0 });
  for (const level of ['debug', 'info'] as const) for (let index = 0; index < 3; index++) limited[level]({}, 'again');
  expect(lines.length).toBe(6);
});
