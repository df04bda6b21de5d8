import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { markdown, plain, type Table } from '../report/table.ts';
import { check } from './check.ts';
import { type Load, USUAL } from './model.ts';
import { picture } from './picture.ts';
import { breakTable, oneTable, sizeTable, turnTable, unitTable } from './tables.ts';
import { readUnits } from './units.ts';

const USAGE = `Usage: npm run capacity -- [options]
Computes from bench/results.json what it takes, and writes the tables and the picture of docs/capacity.md.
  --results DIR        where another results.json is
  --users N            only shows what so many users online at once take; with it
  --friends N          ${USUAL.friends}
  --online SHARE       ${USUAL.online}, of all users
  --sessions N         ${USUAL.sessions} connections a user
  --changes N          ${USUAL.changes} an hour and user, besides coming and going
  --logins N           ${USUAL.logins} an hour and user
  --unbound            sessions live by heartbeats
  --cells N            ${USUAL.cells}, deployments that share the users`;

const RESULTS = fileURLToPath(new URL('..', import.meta.url));
const PAGE = fileURLToPath(new URL('../../docs/capacity.md', import.meta.url));
const PICTURE = fileURLToPath(new URL('../../docs/capacity.svg', import.meta.url));

function main(): void {
  const { values } = parseArgs({
    options: {
      results: { type: 'string', default: RESULTS },
      users: { type: 'string' },
      friends: { type: 'string' },
      online: { type: 'string' },
      sessions: { type: 'string' },
      changes: { type: 'string' },
      logins: { type: 'string' },
      unbound: { type: 'boolean', default: false },
      cells: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) throw new Error(USAGE);
  const measured = readUnits(values.results);
  const { units } = measured;
  if (values.users !== undefined) {
    const load: Load = {
      ...USUAL,
      users: above0('--users', values.users, USUAL.users),
      friends: above0('--friends', values.friends, USUAL.friends),
      online: above0('--online', values.online, USUAL.online, 1),
      sessions: above0('--sessions', values.sessions, USUAL.sessions),
      changes: above0('--changes', values.changes, USUAL.changes),
      logins: above0('--logins', values.logins, USUAL.logins),
      heartbeats: values.unbound ? 'unbound' : 'bound',
      cells: above0('--cells', values.cells, USUAL.cells),
    };
    const [head = [], row = []] = sizeTable(load, units, [load.users]);
    console.log(plain([['', ''], ...head.map((name, index) => [name, row[index] ?? ''])]));
    return;
  }
  const tables: Readonly<Record<string, Table>> = {
    units: unitTable(measured),
    check: check(measured),
    one: oneTable(units),
    sizes: sizeTable(USUAL, units),
    unbound: sizeTable({ ...USUAL, heartbeats: 'unbound' }, units),
    breaks: breakTable(units),
    turns: turnTable(units),
  };
  let page = readFileSync(PAGE, 'utf8');
  for (const [name, table] of Object.entries(tables)) {
    console.log(`\n${name}\n${plain(table)}`);
    page = put(page, name, markdown(table));
  }
  const conditions = measured.sections.find(({ workload }) => workload === 'growth')?.conditions;
  page = put(
    page,
    'conditions',
    conditions ? `${conditions.date}; ${conditions.machine}; ${conditions.versions}.` : '',
  );
  writeFileSync(PAGE, page);
  writeFileSync(PICTURE, picture(units));
  console.log('\nWritten to docs/capacity.md and docs/capacity.svg.');
}

/** Puts `content` between the marks of that name. Throws where the page has none. */
function put(page: string, name: string, content: string): string {
  const [begin, end] = [`<!-- ${name} -->\n`, `\n<!-- /${name} -->`];
  const from = page.indexOf(begin);
  const to = page.indexOf(end, from);
  if (from < 0 || to < 0) throw new Error(`docs/capacity.md has no place for ${name}.`);
  return `${page.slice(0, from + begin.length)}\n${content}\n${page.slice(to)}`;
}

function above0(flag: string, text: string | undefined, fallback: number, most = Number.POSITIVE_INFINITY): number {
  const value = text === undefined ? fallback : Number(text);
  if (!(value > 0 && value <= most))
    throw new Error(`${flag} must be a number above 0${most === 1 ? ', at most 1' : ''}, not ${text}.`);
  return value;
}

try {
  main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
