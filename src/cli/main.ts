#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { parseCommandLine } from '../config/flags.ts';
import { nearest } from '../config/nearest.ts';
import { ConfigError, loadConfig, loadEngineConfig } from '../config.ts';

const COMMANDS = ['serve', 'import-friends', 'schema', 'help'] as const;
type Command = (typeof COMMANDS)[number];

/** Resolves with the exit code. Each command loads what it needs and nothing else. */
async function main(args: readonly string[]): Promise<number> {
  const { positionals, flags, switches, help, version } = parseCommandLine(args, ['strict']);
  const [name = 'serve', ...operands] = positionals;
  if (version) {
    process.stdout.write(`${packageVersion()}\n`);
    return 0;
  }
  const command: Command = help ? 'help' : commandNamed(name);
  const [operand, extra] = command === 'import-friends' ? operands : [undefined, ...operands];
  if (command !== 'help' && extra !== undefined) throw new ConfigError(`${command} takes no ${JSON.stringify(extra)}.`);
  if (command !== 'import-friends' && switches.has('strict')) throw new ConfigError(`${command} takes no --strict.`);

  switch (command) {
    case 'serve': {
      const config = loadConfig(process.env, flags);
      return await (await import('./serve.ts')).serve(config);
    }
    case 'import-friends': {
      if (operand === undefined) throw new ConfigError('import-friends needs a file: rollcall import-friends FILE.');
      const config = loadEngineConfig(process.env, flags);
      return await (await import('./open-import.ts')).openAndImport(operand, switches.has('strict'), config);
    }
    case 'schema':
      return (await import('./schema.ts')).schema(process.stdout);
    case 'help':
      process.stdout.write((await import('./help.ts')).helpText());
      return 0;
    default:
      return command satisfies never;
  }
}

function commandNamed(name: string): Command {
  const known = COMMANDS.find((command) => command === name);
  if (known) return known;
  const meant = nearest(name, COMMANDS);
  throw new ConfigError(
    `${JSON.stringify(name)} is not a command of Rollcall; ${meant ? `did you mean ${meant}?` : 'rollcall help lists them.'}`,
  );
}

/** The package lies two folders up, from the sources as from what is built of them. */
function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return String((JSON.parse(text) as { version: unknown }).version);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const wrong = error instanceof ConfigError;
  process.stderr.write(wrong ? `rollcall: ${error.message}\n` : `${error instanceof Error ? error.stack : error}\n`);
  process.exitCode = wrong ? 2 : 1;
}
