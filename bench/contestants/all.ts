import { bare } from './bare.ts';
import type { Contestant } from './contestant.ts';
import { rollcall } from './rollcall.ts';
import { socketio } from './socketio.ts';
import { stack } from './stack.ts';

/** What clients may ask for where many changes come at once: at most four frames a second. */
const COALESCE_MS = 250;

/** In the order of the tables. */
export const CONTESTANTS: readonly Contestant[] = [
  rollcall('rollcall', 'Rollcall', 0),
  rollcall('rollcall-coalesced', `Rollcall, coalesceMs: ${COALESCE_MS}`, COALESCE_MS),
  stack,
  socketio,
  bare,
];
