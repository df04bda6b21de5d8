import type { Table } from '../report/table.ts';
import { number } from '../report/table.ts';
import { figure, type Measured } from './units.ts';

/** Points that no unit cost was taken from: what the model says of them, and what was measured. */
export function check({ units, sections }: Measured): Table {
  const of = (workload: string, key: string): number | null => figure(sections, workload, key);
  const graph = sections.find(({ workload }) => workload === 'facebook')?.conditions.shape;
  const shape = sections.find(({ workload }) => workload === 'spread')?.conditions.shape;
  const perChange = units.strange + units.first;
  const points: readonly Point[] = [
    {
      what: 'CPU for a change shown to a viewer in a friend graph with a heavy tail (`facebook`)',
      unit: 'µs',
      predicted: graph ? perChange / FACEBOOK_FRIENDS + units.delivery : null,
      measured: of('facebook', 'cpu'),
    },
    {
      what: 'the same with evenly many friends (`spread`)',
      unit: 'µs',
      predicted: shape ? perChange / shape.friends + units.delivery : null,
      measured: of('spread', 'cpu'),
    },
    {
      what: 'how busy a node is with changes and heartbeats together (`latency`)',
      unit: '%',
      predicted: shape ? mixed(of('latency', 'rate'), shape.friends, perChange, units) : null,
      measured: of('latency', 'load'),
    },
    {
      what: 'CPU of Redis for a change with one node that listens (`spread`)',
      unit: 'µs',
      predicted: units.commit + units.listener,
      measured: of('spread', 'redis'),
    },
    {
      what: 'CPU for a viewer who drops, comes back and binds a session (`sockets`)',
      unit: 'µs',
      predicted: units.login + units.loginFriend + units.heartbeat,
      measured: of('sockets', 'cpu'),
    },
    {
      what: 'heap of a viewer, many on one node (`sockets`)',
      unit: 'KB',
      predicted: units.viewer / 1_024,
      measured: of('sockets', 'heap'),
    },
    {
      what: 'heap of a viewer, on three nodes: each node knows nearly everybody (`sockets-nodes`)',
      unit: 'KB',
      predicted: (units.viewer + 2 * units.watched) / 1_024,
      measured: of('sockets-nodes', 'heap'),
    },
  ];
  const rows = points.flatMap(({ what, unit, predicted, measured }) => {
    if (predicted === null || measured === null) return [];
    const error = (100 * (predicted - measured)) / measured;
    return [
      [
        what,
        `${number(predicted)} ${unit}`,
        `${number(measured)} ${unit}`,
        `${error > 0 ? '+' : ''}${error.toFixed(0)} %`,
      ],
    ];
  });
  return [['what', 'computed', 'measured', 'error'], ...rows];
}

/** Friends of somebody in ego-Facebook and in the graph that is like it, on average. */
const FACEBOOK_FRIENDS = (2 * 88_234) / 4_039;

interface Point {
  readonly what: string;
  readonly unit: string;
  readonly predicted: number | null;
  readonly measured: number | null;
}

/** With a heartbeat for each change, in percent of a core. */
function mixed(deliveries: number | null, friends: number, perChange: number, units: Measured['units']): number | null {
  if (deliveries === null) return null;
  return (deliveries * (units.delivery + (perChange + units.heartbeat) / friends)) / 1e4;
}
