import { GraphQLError, Kind, print, type ValueNode } from 'graphql';
import type { Millis } from '../../presence/time.ts';
import type { Builder } from '../builder.ts';

const RFC_3339 = /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:\.(\d+))?(?:[Zz]|([+-])(\d{2}):(\d{2}))$/;
/** The first and the last millisecond that four digits of a year can name in UTC. */
const YEAR_0000 = -62_167_219_200_000;
const YEAR_9999_END = 253_402_300_799_999;
const MINUTE_MS = 60_000;
/** How much of a wrong value is quoted back, in characters. */
const MAX_QUOTED = 60;

export function defineDateTime(builder: Builder) {
  return builder.scalarType('DateTime', {
    description:
      'A moment, as RFC 3339. Given out in UTC with milliseconds: `2026-11-23T09:30:00.000Z`. Taken in with `Z` or any ' +
      'offset, such as `2026-11-23T10:30:00+01:00`; what is finer than a millisecond is cut off. ' +
      'Anything else is refused with BAD_USER_INPUT.',
    serialize: (millis) => new Date(millis).toISOString(),
    parseValue: (value) => coerceDateTime(value, JSON.stringify(value) ?? String(value)),
    parseLiteral: (node) => coerceDateTime(node.kind === Kind.STRING ? node.value : null, print(node), node),
  });
}

/** Null for anything but RFC 3339; days that the month does not have and leap seconds are no moments either. */
function parseDateTime(text: string): Millis | null {
  const match = RFC_3339.exec(text);
  if (!match) return null;
  const part = (index: number): number => Number(match[index]);
  const [fraction = '', sign = '+', offsetHours = '0', offsetMinutes = '0'] = match.slice(7);
  if (Number(offsetHours) > 23 || Number(offsetMinutes) > 59) return null;

  // Not Date.UTC: it takes years below 100 for those of the last century.
  const local = new Date(0);
  local.setUTCFullYear(part(1), part(2) - 1, part(3));
  local.setUTCHours(part(4), part(5), part(6), Number(fraction.padEnd(3, '0').slice(0, 3)));
  // A part out of range would have moved its neighbours.
  if (!local.toISOString().startsWith(text.slice(0, 19).toUpperCase())) return null;

  const offset = (Number(offsetHours) * 60 + Number(offsetMinutes)) * MINUTE_MS;
  const millis = local.getTime() - (sign === '-' ? -offset : offset);
  return millis < YEAR_0000 || millis > YEAR_9999_END ? null : millis;
}

function coerceDateTime(value: unknown, given: string, node: ValueNode | null = null): Millis {
  const millis = typeof value === 'string' ? parseDateTime(value) : null;
  if (millis !== null) return millis;
  const quoted = given.length <= MAX_QUOTED ? given : `${given.slice(0, MAX_QUOTED - 1)}…`;
  throw new GraphQLError(
    `DateTime must be RFC 3339 with Z or an offset, such as "2026-11-23T09:30:00.000Z"; got ${quoted}.`,
    { nodes: node },
  );
}
