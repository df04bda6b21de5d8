import { readFileSync } from 'node:fs';
import { buildSchema as fromSdl } from 'graphql';
import { expect, test } from 'vitest';
import { SETTING_NAMES } from '../../src/config/settings.ts';
import { printSortedSchema } from '../../src/graphql/print.ts';
import { runCommand } from '../support/server.ts';

async function run(...args: string[]): Promise<{ code: number | null; output: string }> {
  const command = runCommand(args);
  const { code } = await command.exited;
  return { code, output: command.output() };
}

test.each([['help'], ['--help'], ['serve', '--help']])(
  'rollcall %s lists every command and setting',
  async (...args) => {
    const { code, output } = await run(...args);
    expect(code).toBe(0);
    for (const name of [...SETTING_NAMES, 'serve', 'import-friends', 'schema', '--redis-url']) {
      expect(output).toContain(name);
    }
  },
);

test('--version is that of the package', async () => {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
  expect(await run('--version')).toEqual({ code: 0, output: `${version}\n` });
});

test('schema prints the SDL and nothing else', async () => {
  const { code, output } = await run('schema');
  expect(code).toBe(0);
  expect(output).toBe(printSortedSchema());
  expect(output).toMatch(/[^\n]\n$/);
  expect(fromSdl(output).getSubscriptionType()?.getFields()).toHaveProperty('friendsPresence');
});

test.each([
  [['serv'], 'rollcall: "serv" is not a command of Rollcall; did you mean serve?\n'],
  [['dance'], 'rollcall: "dance" is not a command of Rollcall; rollcall help lists them.\n'],
  [['serve', 'now'], 'rollcall: serve takes no "now".\n'],
  [['schema', '--strict'], 'rollcall: schema takes no --strict.\n'],
  [['--prot', '4000'], 'rollcall: --prot is not a setting of Rollcall; did you mean --port?\n'],
  [['import-friends'], 'rollcall: import-friends needs a file: rollcall import-friends FILE.\n'],
])('%j is answered with one line and exit code 2', async (args, line) =>
  expect(await run(...args)).toEqual({ code: 2, output: line }),
);
