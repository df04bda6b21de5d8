import { parseArgs } from 'node:util';
import { ConfigError } from './config-error.ts';
import { nearest } from './nearest.ts';
import { type Flags, flagOf, SETTING_NAMES, type SettingName } from './settings.ts';

export interface CommandLine {
  readonly positionals: readonly string[];
  readonly flags: Flags;
  /** Those of the command's own switches that are given. */
  readonly switches: ReadonlySet<string>;
  readonly help: boolean;
  readonly version: boolean;
}

/**
 * Takes the arguments of a command apart: `--name value` and `--name=value` for settings, `--help`, `--version`, and
 * what is left. `switches` are what the command knows besides, without values: `strict` for `--strict`. `--` ends the
 * flags. Throws ConfigError with one line for a flag that is unknown, lacks its value or is
 * given twice.
 */
export function parseCommandLine(args: readonly string[], switches: readonly string[] = []): CommandLine {
  const names = new Map<string, SettingName>(SETTING_NAMES.map((name) => [flagOf(name).slice(2), name]));
  const { tokens } = parseArgs({
    args: [...args],
    options: Object.fromEntries([...names.keys()].map((flag) => [flag, { type: 'string' as const }])),
    // Its own errors are of several sentences, so it is told to let everything pass.
    strict: false,
    tokens: true,
  });
  const flags: Partial<Record<SettingName, string>> = {};
  const positionals: string[] = [];
  const switched = new Set<string>();
  let help = false;
  let version = false;
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value);
    if (token.kind !== 'option') continue;
    if (token.name === 'help' || token.name === 'h') help = true;
    else if (token.name === 'version' || token.name === 'v') version = true;
    else if (switches.includes(token.name) && token.value === undefined) switched.add(token.name);
    else {
      const name = names.get(token.name);
      if (name === undefined || !token.rawName.startsWith('--'))
        throw unknownFlag(token.rawName, [...names.keys(), ...switches]);
      if (token.value === undefined || (!token.inlineValue && token.value.startsWith('--'))) {
        throw new ConfigError(`${token.rawName} needs a value.`);
      }
      if (flags[name] !== undefined) throw new ConfigError(`${token.rawName} is given twice.`);
      flags[name] = token.value;
    }
  }
  return { positionals, flags, switches: switched, help, version };
}

function unknownFlag(rawName: string, names: readonly string[]): ConfigError {
  const candidates = [...names, 'help', 'version'].map((name) => `--${name}`);
  const meant = nearest(rawName, candidates);
  const hint = meant === null ? 'rollcall --help lists them all' : `did you mean ${meant}?`;
  return new ConfigError(`${rawName} is not a setting of Rollcall; ${hint}${meant === null ? '.' : ''}`);
}
