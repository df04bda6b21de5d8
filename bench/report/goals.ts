import type { Section } from './results.ts';
import { number, type Table } from './table.ts';

interface Goal {
  readonly workload: string;
  readonly what: string;
  readonly goal: string;
  /** Null where what it needs was not measured. */
  measured(section: Section): { readonly shown: string; readonly reached: boolean } | null;
}

const median = (section: Section, contestant: string, key: string): number | null =>
  section.rows.find((row) => row.contestant === contestant)?.figures[key]?.median ?? null;

/** The peer needs at least so many times what Rollcall needs. */
function atLeastTimes(
  workload: string,
  what: string,
  key: string,
  peer: string,
  least: number,
  own = 'rollcall',
): Goal {
  return {
    workload,
    what,
    goal: `at least ${least} × better than ${peer === 'stack' ? 'the usual stack' : peer}`,
    measured: (section) => {
      const mine = median(section, own, key);
      const theirs = median(section, peer, key);
      if (mine === null || theirs === null) return null;
      return { shown: `${number(theirs / mine)} ×`, reached: theirs / mine >= least };
    },
  };
}

function atMost(workload: string, what: string, key: string, most: number, unit: string): Goal {
  return {
    workload,
    what,
    goal: `at most ${most} ${unit}`.trim(),
    measured: (section) => {
      const mine = median(section, 'rollcall', key);
      return mine === null ? null : { shown: `${number(mine)} ${unit}`.trim(), reached: mine <= most };
    },
  };
}

/** What Rollcall set out to reach. */
const GOALS: readonly Goal[] = [
  {
    workload: 'spread',
    what: 'CPU for a change shown to a viewer',
    goal: 'at most 0.85 × the bare loop',
    measured: (section) => {
      const mine = median(section, 'rollcall', 'cpu');
      const floor = median(section, 'bare', 'cpu');
      if (mine === null || floor === null) return null;
      return { shown: `${number(mine / floor)} ×`, reached: mine / floor <= 0.85 };
    },
  },
  atLeastTimes('spread', 'CPU for a change shown to a viewer', 'cpu', 'stack', 4.5),
  atLeastTimes('storm', 'the same in a storm', 'cpu', 'stack', 25),
  atLeastTimes('storm', 'the same in a storm, coalesceMs: 250', 'cpu', 'stack', 25, 'rollcall-coalesced'),
  atMost('memory', 'heap of a subscribed viewer', 'heap', 10, 'KB'),
  atLeastTimes('heartbeat-ws', 'CPU for a heartbeat over WebSocket', 'cpu', 'stack', 3),
  atLeastTimes('heartbeat-http', 'CPU for a heartbeat over HTTP', 'cpu', 'stack', 2.5),
  atMost('idle', 'Redis commands a second for idle connections', 'commands', 5, ''),
  atMost('latency', 'change to frame at half load, p50', 'p50', 2, 'ms'),
  atMost('latency', 'change to frame at half load, p99', 'p99', 20, 'ms'),
  atMost('growth', 'slope of the cost of a change along viewers', 'viewers-slope', 0.15, ''),
  atMost('growth', 'slope along friends', 'friends-slope', 1.15, ''),
  atMost('growth', 'slope along users', 'users-slope', 0.15, ''),
  atMost('growth', 'slope along nodes', 'nodes-slope', 0.15, ''),
  atMost('sockets', 'all dropped and back, every roster complete', 'back', 60, 's'),
  atMost('sockets', 'shown OFFLINE although they came back in time', 'offline', 0, ''),
];

/** Line by line; `measuredOnly` leaves out those of workloads that are not among these. */
export function goals(sections: readonly Section[], measuredOnly = false): Table {
  const rows = GOALS.filter(
    ({ workload }) => !measuredOnly || sections.some((section) => section.workload === workload),
  ).map(({ workload, what, goal, measured }) => {
    const section = sections.find((candidate) => candidate.workload === workload);
    const found = section ? measured(section) : null;
    return [workload, what, goal, found?.shown ?? 'not measured', found === null ? '' : found.reached ? 'yes' : 'no'];
  });
  return [['workload', 'what', 'goal', 'measured', 'reached'], ...rows];
}
