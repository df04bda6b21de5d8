import { existsSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MAX_FRIENDS } from '../../src/friends/port.ts';
import { ImportSetting } from './import-setting.ts';

describe('import-friends', () => {
  let setting: ImportSetting;
  beforeEach(async () => {
    setting = await ImportSetting.open();
  });
  afterEach(() => setting.close());

  it('rule 8.5: makes the pairs of an edge list friends, whatever white space is between them', async () => {
    await setting.write('# people\n\n1 2\n1\t3\n  2   3  \n2 1\n');
    const { exitCode, stdout, stderr } = await setting.run();
    expect(stdout).toMatch(/^4 pairs read: 3 new, 1 already friends or blocked; \d+\.\d s\.\n$/);
    expect([exitCode, stderr]).toEqual([0, '']);
    expect(await setting.graph.friends('1')).toEqual(['2', '3']);
    expect(await setting.graph.friends('3')).toEqual(['1', '2']);
    expect(existsSync(setting.checkpoint)).toBe(false);
  });

  it('reads CSV with a header, quotes, carriage returns, a byte order mark and no last line break', async () => {
    const rows = ['\uFEFFuser_id,friend_id', 'a,b', '# no row', '"a","c, d"', ' a , "say ""hi""" ', '"a\tb",é'];
    await setting.write(rows.join('\r\n'));
    const { exitCode, stdout, stderr } = await setting.run();
    expect(stderr).toBe('Line 1 names the columns: left out.\n');
    expect([exitCode, stdout.split(';')[0]]).toEqual([0, '4 pairs read: 4 new, 0 already friends or blocked']);
    expect(await setting.graph.friends('a')).toEqual(['b', 'c, d', 'say "hi"']);
    expect(await setting.graph.friends('é')).toEqual(['a\tb']);
  });

  it('takes ids verbatim, also those that look like something else', async () => {
    await setting.write('007 7\n__proto__ constructor\n"q" r\n');
    expect((await setting.run()).exitCode).toBe(0);
    expect(await setting.graph.friends('7')).toEqual(['007']);
    expect(await setting.graph.friends('__proto__')).toEqual(['constructor']);
    expect(await setting.graph.friends('r')).toEqual(['"q"']);
  });

  it('says of each bad line where it is and what is wrong, and imports the others', async () => {
    const long = 'x'.repeat(257);
    await setting.write(`1 2\nx\n3 3\n4 ${long}\n5 6 7\n8 \uFFFD\n\u001b[31m\n${'y'.repeat(20_000)}\n9 10`);
    const { exitCode, stdout, stderr } = await setting.run();
    expect(stderr.trim().split('\n')).toEqual([
      'line 2: needs two ids, found "x"',
      'line 3: makes "3" their own friend',
      `line 4: has an id longer than 256 characters: "${'x'.repeat(60)}…"`,
      'line 5: needs two ids, found 3: "5 6 7"',
      'line 6: is not UTF-8 text',
      'line 7: needs two ids, found "\\u001b[31m"',
      'line 8: is longer than 16384 bytes',
    ]);
    expect(stdout).toContain('2 pairs read: 2 new, 0 already friends or blocked, 7 lines not imported;');
    expect(exitCode).toBe(1);
    expect(await setting.graph.friends('10')).toEqual(['9']);
    expect(existsSync(setting.checkpoint)).toBe(false);
  });

  it('says what is wrong with a row of CSV', async () => {
    await setting.write('a,b\nc\n,d\n"e,f\n"g"h,i\nj,k,l\n');
    const { stderr } = await setting.run();
    expect(stderr.trim().split('\n')).toEqual([
      'line 2: needs two ids, found "c"',
      'line 3: needs two ids, one is empty: ",d"',
      'line 4: has a quote that does not end with its field: "\\"e,f"',
      'line 5: has a quote that does not end with its field: "\\"g\\"h,i"',
      'line 6: needs two ids, found 3: "j,k,l"',
    ]);
  });

  it('does not fill the screen with complaints', async () => {
    await setting.write('x\n'.repeat(200));
    const { stdout, stderr } = await setting.run();
    expect(stderr.trim().split('\n')).toHaveLength(51);
    expect(stderr).toContain('line 50: ');
    expect(stdout).toContain('200 lines not imported');
  });

  it('rule 8.11: names the lines for which a list has no room', async () => {
    const others = Array.from({ length: MAX_FRIENDS + 2 }, (_, n) => `hub ${n}\n`);
    await setting.write(`${others.join('')}a b\n`);
    const { exitCode, stdout, stderr } = await setting.run();
    expect(stderr.match(/^line 1000[12]: cannot be imported: The list of "hub" is full/gm)).toHaveLength(2);
    expect(stdout).toContain('10,001 pairs read: 10,001 new, 0 already friends or blocked, 2 lines not imported;');
    expect(exitCode).toBe(1);
    expect(await setting.graph.friends('a')).toEqual(['b']);
  });

  it('stops at the first bad line when it shall be strict, with what stands before it imported', async () => {
    await setting.write('1 2\n3 4\nx\n5 6\n');
    const { exitCode, stdout, stderr } = await setting.run({ strict: true });
    expect(stderr).toBe('line 3: needs two ids, found "x"\nStopped there; what stands before it is imported.\n');
    expect([exitCode, stdout]).toEqual([1, '']);
    expect(await setting.graph.friends('3')).toEqual(['4']);
    expect(await setting.graph.friends('5')).toEqual([]);
  });

  it('rule 8.11: stops at the first line without room when it shall be strict', async () => {
    await setting.graph.sync(
      'hub',
      Array.from({ length: MAX_FRIENDS }, (_, n) => `${n}`),
    );
    await setting.write('p q\nhub a\nr s\nx\n');
    const { exitCode, stderr } = await setting.run({ strict: true });
    expect(stderr).toMatch(/^line 2: cannot be imported: .*\nStopped there;/);
    expect(exitCode).toBe(1);
    expect(await setting.graph.friends('q')).toEqual(['p']);
    expect(await setting.graph.friends('s')).toEqual([]);
  });

  it('rule 8.5: leaves blocks alone', async () => {
    await setting.graph.relate('a', 'b', 'block');
    await setting.write('a b\na c\n');
    expect((await setting.run()).stdout).toContain('2 pairs read: 1 new, 1 already friends or blocked;');
    expect(await setting.graph.relations('a', ['b', 'c'])).toEqual(['blocked', 'friend']);
  });

  it('reads an empty file', async () => {
    await setting.write('');
    expect(await setting.run()).toMatchObject({
      exitCode: 0,
      stderr: '',
      stdout: expect.stringMatching(/^0 pairs read/),
    });
  });

  it('says in one line that it cannot read a file', async () => {
    expect(await setting.run()).toEqual({
      exitCode: 1,
      stdout: '',
      stderr: `Cannot read ${setting.file}: there is no such file.\n`,
    });
    const folder = setting.file.replace('/friends.txt', '');
    expect((await setting.run({ file: folder })).stderr).toBe(`Cannot read ${folder}: it is not a regular file.\n`);
  });

  it('reads lines that lie across the blocks of a long file', async () => {
    const count = 30_000;
    const lines = Array.from({ length: count }, (_, n) => `日本${n} ü${n}\n`);
    await setting.write([...lines.slice(0, 100), `${'y'.repeat(200_000)}\n`, ...lines.slice(100)].join(''));
    const { stdout, stderr } = await setting.run();
    expect(stderr).toBe('line 101: is longer than 16384 bytes\n');
    expect(stdout).toContain('30,000 pairs read: 30,000 new,');
    expect(await setting.graph.friends(`日本${count - 1}`)).toEqual([`ü${count - 1}`]);
    expect(Math.max(...setting.graph.asked)).toBeLessThanOrEqual(1000);
  });
});
