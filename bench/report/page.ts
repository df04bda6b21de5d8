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
    reached(sections),
    markdown(goals(sections)),
    '## All in one table',
    markdown(summary(sections)),
    ...sections.flatMap(sectionPage),
    '',
  ].join('\n\n');
}

/** How many goals there are, and how many of them were reached. */
function reached(sections: readonly Section[]): string {
  const answers = goals(sections)
    .slice(1)
    .map((row) => row.at(-1));
  const count = (answer: string): number => answers.filter((given) => given === answer).length;
  const open = count('');
  return `${count('yes')} of ${answers.length} reached, ${count('no')} not${open === 0 ? '' : `, ${open} not measured`}.`;
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
