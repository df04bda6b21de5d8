import { type Row, ratio, type Section } from './results.ts';
import { picture, text } from './svg.ts';
import { number } from './table.ts';

const WIDTH = 860;
const LABELS = 170;
const FIGURES = 150;
const BAR = 16;
const GAP = 5;
const PANEL_GAP = 34;
const TOP = 74;
interface Bar {
  readonly row: Row;
  readonly value: number;
  readonly min: number;
  readonly max: number;
}

/** `results.svg`: a panel for each workload, bars of what each contestant needs. Logarithmic where bars would vanish. */
export function chart(sections: readonly Section[]): string {
  const panels = sections.flatMap((section) => {
    const bars = barsOf(section);
    return bars.length < 2 ? [] : [{ section, bars }];
  });
  const parts: string[] = [];
  let y = TOP;
  for (const { section, bars } of panels) {
    parts.push(panel(section, bars, y));
    y += 24 + bars.length * (BAR + GAP) + PANEL_GAP;
  }
  return picture(WIDTH, y, 'What each contestant needs, by workload', [
    text(24, 32, 'What each contestant needs: shorter is better', 'class="title" font-size="17" font-weight="600"'),
    text(
      24,
      52,
      'Medians; the thin line spans all runs. On the right: how many times what Rollcall needs.',
      'class="note"',
    ),
    ...parts,
  ]);
}

function barsOf({ columns: [first], rows }: Section): Bar[] {
  if (!first) return [];
  return rows.flatMap((row) => {
    const spread = row.figures[first.key];
    return spread && spread.median > 0 ? [{ row, value: spread.median, min: spread.min, max: spread.max }] : [];
  });
}

function panel(section: Section, bars: readonly Bar[], top: number): string {
  const [first] = section.columns;
  const most = Math.max(...bars.map(({ max }) => max));
  const least = Math.min(...bars.map(({ min, value }) => (min > 0 ? min : value)));
  const logarithmic = most / least > 20;
  const room = WIDTH - LABELS - FIGURES - 48;
  const floor = 10 ** Math.floor(Math.log10(least));
  const scale = (value: number): number =>
    logarithmic ? (room * Math.log(Math.max(value, floor) / floor)) / Math.log(most / floor) : (room * value) / most;
  const unit = [first?.label, first?.unit === '' ? null : first?.unit].filter(Boolean).join(', ');
  const head = `${section.title}: ${unit}${logarithmic ? ' (logarithmic)' : ''}`;
  const lines = bars.map((bar, index) => {
    const y = top + 24 + index * (BAR + GAP);
    const x = 24 + LABELS;
    const middle = y + BAR / 2;
    const times = ratio(section, bar.row);
    const figure = `${number(bar.value)}${times === null ? '' : `   ${number(times)} ×`}`;
    return [
      text(x - 8, middle + 4, bar.row.label, 'class="label" text-anchor="end"'),
      `<rect x="${x}" y="${y}" width="${Math.max(2, scale(bar.value)).toFixed(1)}" height="${BAR}" rx="2" class="${bar.row.contestant}"/>`,
      `<line x1="${(x + scale(bar.min)).toFixed(1)}" x2="${(x + scale(bar.max)).toFixed(1)}" y1="${middle}" y2="${middle}" class="whisker" stroke-width="1.5"/>`,
      text(x + scale(bar.max) + 8, middle + 4, figure, 'class="figure"'),
    ].join('\n');
  });
  return [text(24, top + 12, head, 'class="title" font-weight="600"'), ...lines].join('\n');
}
