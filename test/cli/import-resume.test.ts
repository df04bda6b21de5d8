import { existsSync } from 'node:fs';
import { mkdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ImportSetting, type Outcome } from './import-setting.ts';

const PAIRS = 5000;

describe('import-friends, interrupted', () => {
  let setting: ImportSetting;
  beforeEach(async () => {
    setting = await ImportSetting.open();
    await setting.write(`# head\n${Array.from({ length: PAIRS }, (_, n) => `a${n} b${n}\n`).join('')}x\n`);
  });
  afterEach(() => setting.close());

  /** Ctrl-C while the batch with this number, from 1, is on its way. */
  async function interruptAt(batch: number): Promise<Outcome> {
    const interrupt = new AbortController();
    setting.graph.onBefriend = () => {
      if (setting.graph.asked.length === batch) interrupt.abort();
    };
    const outcome = await setting.run({ signal: interrupt.signal });
    setting.graph.onBefriend = () => {};
    return outcome;
  }

  it('finishes what is on its way, leaves a checkpoint and says how to go on', async () => {
    const { exitCode, stdout, stderr } = await interruptAt(2);
    expect(stderr).toBe('Interrupted. The same command again goes on after line 2,000.\n');
    expect([exitCode, stdout]).toEqual([130, '']);
    expect(await setting.graph.friends('a1998')).toEqual(['b1998']);
    expect(await setting.graph.friends('a1999')).toEqual([]);
    expect(await readFile(setting.checkpoint, 'utf8')).not.toContain('here');
  });

  it('goes on where it stopped, counts the whole file, and clears up', async () => {
    await interruptAt(2);
    const { exitCode, stdout, stderr } = await setting.run();
    expect(stderr).toBe(
      `Going on after line 2,000, where an earlier import stopped.\nline ${PAIRS + 2}: needs two ids, found "x"\n`,
    );
    expect(stdout).toContain('5,000 pairs read: 5,000 new, 0 already friends or blocked, 1 line not imported;');
    expect(exitCode).toBe(1);
    expect(setting.graph.asked.reduce((sum, pairs) => sum + pairs)).toBe(PAIRS);
    expect(existsSync(setting.checkpoint)).toBe(false);
  });

  it('goes on in the middle of CSV whose header it has read before', async () => {
    await setting.write(`from,to\n${Array.from({ length: 1500 }, (_, n) => `"a ${n}","b, ${n}"\n`).join('')}`);
    await interruptAt(1);
    const { stdout } = await setting.run();
    expect(stdout).toContain('1,500 pairs read: 1,500 new,');
    expect(await setting.graph.friends('a 1499')).toEqual(['b, 1499']);
  });

  it('is not resumed by a file that has changed', async () => {
    await interruptAt(2);
    await utimes(setting.file, 1, 1);
    const { stdout, stderr } = await setting.run();
    expect(stderr).toContain('is of no use for this file and store: starting from the beginning.');
    expect(stdout).toContain('5,000 pairs read: 3,001 new, 1,999 already friends or blocked,');
  });

  it('is not resumed in another store', async () => {
    await interruptAt(2);
    const { stdout, stderr } = await setting.run({ target: 'elsewhere' });
    expect(stderr).toContain('is of no use for this file and store: starting from the beginning.');
    expect(stdout).toContain('5,000 pairs read: 3,001 new,');
  });

  it('is not resumed in a store that has been emptied since', async () => {
    await interruptAt(2);
    const emptied = await ImportSetting.open();
    const { stdout, stderr } = await setting.run({ graph: emptied.graph });
    await emptied.close();
    expect(stderr).toContain('The store no longer holds what was imported before: starting from the beginning.');
    expect(stdout).toContain('5,000 pairs read: 5,000 new,');
  });

  it('is not confused by a broken checkpoint', async () => {
    await writeFile(setting.checkpoint, '{"file":');
    const { stdout, stderr } = await setting.run();
    expect(stderr).toContain('is of no use for this file and store');
    expect(stdout).toContain('5,000 pairs read: 5,000 new,');
    expect(existsSync(setting.checkpoint)).toBe(false);
  });

  it('rule 10: tries again while the store is out of reach', async () => {
    setting.graph.outages = 2;
    const { stdout, stderr } = await setting.run();
    expect(stderr).toMatch(/^The store cannot be reached at the moment\. Trying again\.\nline 5002:/);
    expect(stdout).toContain('5,000 pairs read: 5,000 new,');
  });

  it('rule 10: leaves a checkpoint when the store stays out of reach', async () => {
    setting.graph.onBefriend = () => {
      if (setting.graph.asked.length === 3) setting.graph.outages = Number.POSITIVE_INFINITY;
    };
    const { exitCode, stderr } = await setting.run({ patienceMs: 0 });
    expect(exitCode).toBe(1);
    expect(stderr).toBe(
      'The store cannot be reached at the moment. The same command again goes on after line 3,000.\n',
    );
    setting.graph.outages = 0;
    expect((await setting.run()).stderr).toContain('Going on after line 3,000,');
  });

  it('rule 5.4: starts over after an outage in which the store has lost what was imported', async () => {
    setting.graph.onBefriend = () => {
      if (setting.graph.asked.length === 2) setting.graph.outages = 1;
    };
    setting.graph.onOutage = () => void setting.graph.sync('a1998', []);
    const { exitCode, stderr } = await setting.run();
    expect(stderr).toContain('The store has lost what was imported before: the same command again starts over.');
    expect(exitCode).toBe(1);
    const { stdout } = await setting.run();
    expect(stdout).toContain('5,000 pairs read: 2,002 new, 2,998 already friends or blocked,');
  });

  it('is answered at once while it waits for the store', async () => {
    const interrupt = new AbortController();
    setting.graph.outages = Number.POSITIVE_INFINITY;
    // By then it has settled down to wait.
    setting.graph.onOutage = () => setImmediate(() => interrupt.abort());
    expect(await setting.run({ signal: interrupt.signal, patienceMs: 3_600_000 })).toMatchObject({
      exitCode: 130,
      stderr: expect.stringContaining('Interrupted. Nothing is imported yet.'),
    });
    expect(existsSync(setting.checkpoint)).toBe(false);
  });

  it('is possible in a folder where no checkpoint can be written', async () => {
    // A folder in the way stops even root.
    await mkdir(`${setting.checkpoint}.tmp`);
    const { stderr } = await interruptAt(2);
    expect(stderr).toContain(`Cannot write ${setting.checkpoint} (EISDIR): an interrupted import starts over.`);
    expect(stderr).toContain('Interrupted. All up to line 2,000 is imported.');
  });
});
