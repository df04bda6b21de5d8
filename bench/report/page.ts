import { goals } from './goals.ts';
import type { Section } from './results.ts';
import { details, markdown, points, summary } from './table.ts';

/** `results.md`: the goals, everything in one table, then each workload with its conditions. */
export function page(sections: readonly Section[]): string {
  return [
    '# Results',
    'Written by `npm run bench`. Figures are medians, with the least and the most of all runs in parentheses. What each one means ' +
      'and how the contestants were written is in [README.md](README.md).',
    '![CPU by workload and contestant](results.svg)',
    '## Goals',
    markdown(goals(sections)),
    '## All in one table',
    markdown(summary(sections)),
    ...sections.flatMap(sectionPage),
    '',
  ].join('\n\n');
}

function sectionPage(section: Section): string[] {
  const { conditions, title, about, workload } = section;
  const { shape, runs } = conditions;
  const growth = points(section);
  return [
    `## ${title} (\`${workload}\`)`,
    about,
    markdown(details(section)),
    ...(growth === null ? [] : [markdown(growth)]),
    `${conditions.date}; ${shape.viewers} viewers with ${shape.friends} friends each, ${runs} ${runs === 1 ? 'run' : 'runs'} of ` +
      `${shape.seconds} s; ${conditions.machine}; ${conditions.versions}.`,
  ];
}
