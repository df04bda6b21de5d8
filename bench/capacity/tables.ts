import { number, type Table } from '../report/table.ts';
import { BROKEN, inCells, type Load, type Plan, plan, USUAL, upTo } from './model.ts';
import { FRIENDS, type Measured, SOURCES, type Units } from './units.ts';

const SIZES: readonly number[] = [10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];

const UNIT_LABELS: Readonly<Record<keyof Units, readonly [what: string, unit: string]>> = {
  strange: ['node: a change of somebody nobody there watches', 'µs'],
  first: ['node: a change of somebody watched there, besides', 'µs'],
  delivery: ['node: to show it to one viewer', 'µs'],
  heartbeat: ['node: a heartbeat over WebSocket', 'µs'],
  login: ['node: a viewer comes, with 100 friends', 'µs'],
  loginFriend: ['node: each of them whom nobody there watches yet, besides', 'µs'],
  connection: ['node: an idle connection, a second', 'µs'],
  viewer: ['node: heap of a viewer', 'bytes'],
  watched: ['node: heap of somebody watched', 'bytes'],
  commit: ['Redis: a change', 'µs'],
  listener: ['Redis: a change, to each node', 'µs'],
  changeBytes: ['network: a change, to each node', 'bytes'],
  redisHeartbeat: ['Redis: a heartbeat that changes nothing', 'µs'],
  redisLogin: ['Redis: a viewer comes, with 100 friends', 'µs'],
  redisLoginFriend: ['Redis: each of them whom nobody there watches yet, besides', 'µs'],
  redisCommand: ['Redis: a small command', 'µs'],
  user: ['Redis: memory of a user', 'bytes'],
  friendship: ['Redis: memory of a friendship', 'bytes'],
};

export function unitTable({ units, missing }: Measured): Table {
  // The keys of an object that is written out above.
  const names = Object.keys(UNIT_LABELS) as (keyof Units)[];
  const rows = names.map((name) => {
    const [what, unit] = UNIT_LABELS[name];
    const source = missing.includes(name) ? 'not in results.json: an older measurement' : SOURCES[name];
    return [what, `${number(units[name])} ${unit}`, source];
  });
  return [['what', 'cost', 'workload'], ...rows];
}

/** What it takes by the number of users. */
export function sizeTable(load: Load, units: Units, sizes = SIZES): Table {
  return [
    [
      'online at once',
      'changes a second',
      'deliveries a second',
      'nodes',
      'filled by',
      'CPU of a node goes to',
      'memory of a node',
      'network of a node',
      'Redis masters',
      'memory of Redis',
      'network of Redis',
      'friend lists',
      'breaks first',
    ],
    ...sizes.map((users) => sizeRow(people(users), plan({ ...load, users }, units))),
  ];
}

function sizeRow(name: string, found: Plan): string[] {
  const { nodes } = found;
  const where = (text: string): string => (nodes === null ? '–' : text);
  return [
    name,
    short(found.changes),
    short(found.deliveries),
    nodes === null ? 'none do' : whole(nodes),
    where(found.filledBy),
    shares(found.cpu),
    where(bytes(found.nodeBytes)),
    where(`${bytes(found.nodeNetwork)}/s`),
    found.masters === null ? '–' : whole(found.masters),
    bytes(found.redisBytes),
    where(`${bytes(found.redisNetwork)}/s`),
    found.load.friendsElsewhere ? 'elsewhere' : bytes(found.listsBytes),
    found.broken.length === 0 ? '–' : found.broken.join('; '),
  ];
}

/** What breaks, in the order in which it does. */
export function breakTable(units: Units): Table {
  const turns: readonly (readonly [string, string, Load])[] = [
    [BROKEN.listsMemory, 'a larger machine for that master; fewer friends in it; cells', USUAL],
    [BROKEN.listsCpu, 'longer sessions, so that fewer come; cells', USUAL],
    [BROKEN.changes, 'fewer visible changes (`AWAY_AFTER_MS`); cells', { ...USUAL, friendsElsewhere: true }],
    [BROKEN.masters, 'more partitions in a new dataset; cells', { ...USUAL, friendsElsewhere: true }],
  ];
  const rows = turns.map(([what, turn, load]) => ({ what, turn, users: upTo(what, load, units) }));
  rows.sort((a, b) => a.users - b.users);
  return [
    ['what breaks', 'up to, online at once', 'what to turn'],
    ...rows.map(({ what, turn, users }) => [what, users > 5e9 ? 'never' : people(users), turn]),
  ];
}

/** CPU of a change that is looked at only as far as to see that nobody here watches that user, µs: a guess. */
const SKIPPED = 5;

/** How 100 million could be carried. */
export function turnTable(units: Units): Table {
  const users = 100_000_000;
  const base: Load = { ...USUAL, users };
  const elsewhere: Load = { ...base, friendsElsewhere: true };
  const skipping: Units = { ...units, strange: Math.min(units.strange, SKIPPED) };
  const quiet: Load = { ...elsewhere, changes: USUAL.changes / 10, logins: USUAL.logins / 10 };
  const inSome = (how: string, load: Load, costs: Units = units): readonly [string, Load, Units] => {
    const found = inCells(load, costs);
    return [how, found, costs];
  };
  const rows: readonly (readonly [string, Load, Units])[] = [
    ['as it is, undivided', base, units],
    inSome('as it is', base),
    inSome('friend lists elsewhere¹', elsewhere),
    inSome('4,096 partitions², and 9 of 10 friends shared with others on the node²', {
      ...elsewhere,
      partitions: 4_096,
      together: 0.9,
    }),
    inSome(`a stranger’s change skipped in ${SKIPPED} µs³`, elsewhere, skipping),
    inSome('a tenth of the changes and logins', quiet),
    inSome(`both, a tenth and skipped³`, quiet, skipping),
  ];
  return [
    ['how', 'a cell can grow to', 'cells', 'nodes', 'Redis masters', 'memory of a node', 'network of Redis', 'breaks'],
    ...rows.map(([how, load, costs]) => {
      const found = plan(load, costs);
      return [
        how,
        people(Math.min(...Object.values(BROKEN).map((what) => upTo(what, load, costs)))),
        whole(load.cells),
        found.nodes === null ? 'none do' : whole(found.nodes),
        found.masters === null ? '–' : whole(found.masters),
        found.nodes === null ? '–' : bytes(found.nodeBytes),
        found.nodes === null ? '–' : `${bytes(found.redisNetwork)}/s`,
        found.broken.length === 0 ? '–' : found.broken.join('; '),
      ];
    }),
  ];
}

/** What one of each carries, by itself, half busy. */
export function oneTable(units: Units): Table {
  const half = 0.5e6;
  return [
    ['what', 'carries a second, half busy'],
    ['a node: changes shown to one viewer each', short(half / (units.delivery + (units.strange + units.first) / 100))],
    ['a node: changes of strangers', short(half / units.strange)],
    ['a node: heartbeats over WebSocket', short(half / units.heartbeat)],
    ['a node: viewers who come, friends shared with others', short(half / units.login)],
    ['a node: viewers who come, friends shared with nobody', short(half / (units.login + FRIENDS * units.loginFriend))],
    ['a Redis master: changes, with 10 nodes that listen', short(half / (units.commit + 10 * units.listener))],
    ['a Redis master: changes, with 1,000 nodes that listen', short(half / (units.commit + 1_000 * units.listener))],
    ['a Redis master: heartbeats that change nothing', short(half / units.redisHeartbeat)],
    ['a Redis master: viewers who come', short(half / units.redisLogin)],
  ];
}

export function people(users: number): string {
  if (users >= 1e6) return `${Number((users / 1e6).toPrecision(3)).toLocaleString('en-US')} million`;
  return whole(Number(users.toPrecision(2)));
}

function shares(cpu: Plan['cpu']): string {
  const all = Object.values(cpu).reduce((sum, share) => sum + share, 0);
  return Object.entries(cpu)
    .map(([what, share]) => [what, (100 * share) / all] as const)
    .filter(([, share]) => share >= 5)
    .sort(([, a], [, b]) => b - a)
    .map(([what, share]) => `${what} ${share.toFixed(0)} %`)
    .join(', ');
}

function short(value: number): string {
  return whole(value >= 100 ? Number(value.toPrecision(2)) : value);
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

function bytes(value: number): string {
  if (value >= 1e12) return `${number(value / 1e12)} TB`;
  if (value >= 1e9) return `${number(value / 1e9)} GB`;
  return value >= 1e6 ? `${number(value / 1e6)} MB` : `${number(value / 1e3)} KB`;
}
