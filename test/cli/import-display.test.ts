import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { display, type Output } from '../../src/cli/import/display.ts';

/** What a terminal of 80 columns would be sent. */
function terminal(): PassThrough & Output {
  return Object.assign(new PassThrough(), { isTTY: true, columns: 80 });
}

describe('the progress of an import', () => {
  it('is a plain line from time to time where there is no terminal', () => {
    const output = new PassThrough();
    const shown = display(output, 2_000, 0);
    shown.update(500, 1_234);
    shown.say('line 7: is bad');
    shown.update(2_000, 5_000);
    shown.stop();
    const lines = ['1,234 pairs read (25% of the file)', 'line 7: is bad', '5,000 pairs read (100% of the file)', ''];
    expect(String(output.read())).toBe(lines.join('\n'));
  });

  it('is not shown more often than it shall be', () => {
    const output = new PassThrough();
    const shown = display(output, 2_000, 3_600_000);
    for (let offset = 0; offset <= 2_000; offset++) shown.update(offset, offset);
    shown.stop();
    expect(output.read()).toBeNull();
  });

  it('is a bar on a terminal, above which messages stay', () => {
    const output = terminal();
    const shown = display(output, 2_000);
    shown.update(1_000, 1_234);
    shown.say('line 7: is bad');
    shown.say('line 9: is bad');
    shown.stop();
    shown.stop();
    shown.say('afterwards');
    const text = String(output.read());
    expect(text).toContain('50% | 1,234 pairs');
    expect(text.indexOf('line 7: is bad\n')).toBeLessThan(text.indexOf('line 9: is bad\n'));
    expect(text.indexOf('line 9: is bad\n')).toBeLessThan(text.lastIndexOf('50%'));
    // The cursor, hidden before, is back.
    expect(text.lastIndexOf('\u001b[?25h')).toBeGreaterThan(text.lastIndexOf('\u001b[?25l'));
    expect(text.endsWith('afterwards\n')).toBe(true);
  });

  it('can be shown of an empty file', () => {
    for (const output of [new PassThrough(), terminal()]) {
      const shown = display(output, 0, 0);
      shown.update(0, 0);
      shown.stop();
      expect(String(output.read())).not.toContain('NaN');
    }
  });
});
