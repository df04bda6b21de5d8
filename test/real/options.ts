import { parseArgs } from 'node:util';

export const USAGE =
  'Usage: npm run test:real -- DIR [--from DATE|UNIX_SECONDS] [--hours N] [--all] [--speed N] [--only graph|embedded|redis]; ' +
  'DIR holds facebook-friends.txt (SNAP ego-Facebook) and college-messages.txt (SNAP CollegeMsg).';

export const PARTS = ['graph', 'embedded', 'redis'] as const;
export type Part = (typeof PARTS)[number];

export interface Options {
  readonly directory: string;
  readonly parts: readonly Part[];
  readonly slice: SliceOptions;
  /** Seconds of the campus a second of replay; null: chosen from the slice. */
  readonly speed: number | null;
}

export interface SliceOptions {
  /** Unix seconds; null: the busiest stretch of the busiest day. */
  readonly from: number | null;
  readonly hours: number;
  /** The whole file, whatever `from` and `hours` say. */
  readonly all: boolean;
}

/** Throws an error with one line. */
export function readOptions(args: readonly string[]): Options {
  const { values, positionals } = parse(args);
  const [directory] = positionals;
  if (directory === undefined || positionals.length > 1) throw new Error(USAGE);
  const part = PARTS.find((known) => known === values.only);
  if (values.only !== undefined && part === undefined) throw new Error(`--only must be one of ${PARTS.join(', ')}.`);
  return {
    directory,
    parts: part === undefined ? PARTS : [part],
    slice: {
      from: values.from === undefined ? null : moment(values.from),
      hours: values.hours === undefined ? 5 : positive('--hours', values.hours),
      all: values.all ?? false,
    },
    speed: values.speed === undefined ? null : positive('--speed', values.speed),
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        from: { type: 'string' },
        hours: { type: 'string' },
        speed: { type: 'string' },
        all: { type: 'boolean' },
        only: { type: 'string' },
      },
    });
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : String(error)} ${USAGE}`);
  }
}

function moment(text: string): number {
  const seconds = /^\d+$/.test(text) ? Number(text) : Date.parse(text) / 1000;
  if (!Number.isFinite(seconds)) throw new Error(`--from must be a date or Unix seconds, not ${text}.`);
  return seconds;
}

function positive(name: string, text: string): number {
  const number = Number(text);
  if (!Number.isFinite(number) || number <= 0) throw new Error(`${name} must be a number above 0, not ${text}.`);
  return number;
}
