import { picture as svg, text } from '../report/svg.ts';
import { BROKEN, type Load, plan, USUAL, upTo } from './model.ts';
import { people } from './tables.ts';
import type { Units } from './units.ts';

const WIDTH = 860;
const HEIGHT = 520;
const LEFT = 70;
const RIGHT = 30;
const TOP = 152;
/** Where what breaks is named: three lines. */
const LIMITS_TOP = 104;
const BOTTOM = 56;
const FEWEST = 1e4;
const MOST = 1e8;
const STEPS = 240;
/** Where the name of each line stands. */
const LEGEND = [0, 90, 290, 430];

interface Line {
  readonly label: string;
  readonly style: string;
  readonly dashes: string;
  readonly load: Load;
  readonly of: 'nodes' | 'masters';
}

const ELSEWHERE: Load = { ...USUAL, friendsElsewhere: true };

const LINES: readonly Line[] = [
  { label: 'nodes', style: 'rollcall', dashes: '', load: ELSEWHERE, of: 'nodes' },
  {
    label: 'nodes, unbound sessions',
    style: 'rollcall-coalesced',
    dashes: '6 4',
    load: { ...ELSEWHERE, heartbeats: 'unbound' },
    of: 'nodes',
  },
  { label: 'Redis masters', style: 'stack', dashes: '', load: ELSEWHERE, of: 'masters' },
  {
    label: 'Redis masters, unbound sessions',
    style: 'socketio',
    dashes: '6 4',
    load: { ...ELSEWHERE, heartbeats: 'unbound' },
    of: 'masters',
  },
];

/** Nodes and masters over users, as far as they can be had, and where something breaks. */
export function picture(units: Units): string {
  const x = (users: number): number =>
    LEFT + ((WIDTH - LEFT - RIGHT) * Math.log(users / FEWEST)) / Math.log(MOST / FEWEST);
  const lines = LINES.map((line) => ({ ...line, points: pointsOf(line, units) }));
  const highest = Math.max(10, ...lines.flatMap(({ points }) => points.map(([, count]) => count)));
  const top = 10 ** Math.ceil(Math.log10(highest));
  const y = (count: number): number => HEIGHT - BOTTOM - ((HEIGHT - TOP - BOTTOM) * Math.log(count)) / Math.log(top);

  const parts: string[] = [
    text(24, 32, 'What one cell takes', 'class="title" font-size="17" font-weight="600"'),
    text(
      24,
      52,
      'Computed from measured costs. Friend lists are taken to lie elsewhere; lines end where something breaks.',
      'class="note"',
    ),
  ];
  for (let count = 1; count <= top; count *= 10) {
    parts.push(rule('grid', LEFT, y(count), WIDTH - RIGHT, y(count)));
    parts.push(text(LEFT - 8, y(count) + 4, count.toLocaleString('en-US'), 'class="label" text-anchor="end"'));
  }
  for (let users = FEWEST; users <= MOST; users *= 10) {
    parts.push(rule('grid', x(users), TOP, x(users), HEIGHT - BOTTOM));
    parts.push(
      text(
        x(users),
        HEIGHT - BOTTOM + 18,
        people(users),
        `class="label" text-anchor="${users === MOST ? 'end' : 'middle'}"`,
      ),
    );
  }
  parts.push(text(WIDTH / 2, HEIGHT - 14, 'users online at once', 'class="note" text-anchor="middle"'));
  // The farthest one highest, so that no line crosses another's words.
  const limits = (
    [
      [BROKEN.listsMemory, USUAL],
      [BROKEN.changes, ELSEWHERE],
      [BROKEN.masters, ELSEWHERE],
    ] as const
  )
    .map(([what, load]) => ({ what, users: upTo(what, load, units) }))
    .filter(({ users }) => users >= FEWEST && users <= MOST)
    .sort((a, b) => b.users - a.users);
  for (const [row, { what, users }] of limits.entries()) {
    const words = LIMITS_TOP + 18 * row;
    parts.push(rule('limit', x(users), words - 10, x(users), HEIGHT - BOTTOM, '3 3'));
    const right = x(users) > WIDTH / 2;
    const label = `${people(users)}: ${what}`;
    parts.push(
      text(x(users) + (right ? -6 : 6), words, label, `class="warn" text-anchor="${right ? 'end' : 'start'}"`),
    );
  }
  for (const { points, style, dashes } of lines) {
    const path = points.map(([users, count]) => `${x(users).toFixed(1)},${y(count).toFixed(1)}`).join(' ');
    parts.push(
      `<polyline class="${style} line" style="fill: none" points="${path}" stroke-width="2.2" stroke-dasharray="${dashes}"/>`,
    );
  }
  lines.forEach(({ label, style, dashes }, index) => {
    const at = LEFT + (LEGEND[index] ?? 0);
    parts.push(
      `<line class="${style} line" x1="${at}" x2="${at + 24}" y1="70" y2="70" stroke-width="2.2" stroke-dasharray="${dashes}"/>`,
    );
    parts.push(text(at + 30, 74, label, 'class="label"'));
  });
  return svg(WIDTH, HEIGHT, 'Nodes and Redis masters over users online at once', parts);
}

function pointsOf({ load, of }: Line, units: Units): [users: number, count: number][] {
  const points: [number, number][] = [];
  for (let step = 0; step <= STEPS; step++) {
    const users = FEWEST * (MOST / FEWEST) ** (step / STEPS);
    const found = plan({ ...load, users }, units);
    const count = found[of];
    if (count === null || found.broken.length > 0) break;
    points.push([users, count]);
  }
  return points;
}

function rule(style: string, x1: number, y1: number, x2: number, y2: number, dashes = ''): string {
  const at = [x1, y1, x2, y2].map((value) => value.toFixed(1));
  return `<line class="${style}" x1="${at[0]}" y1="${at[1]}" x2="${at[2]}" y2="${at[3]}" stroke-dasharray="${dashes}"/>`;
}
