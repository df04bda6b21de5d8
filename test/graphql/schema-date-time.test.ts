import { assertScalarType, GraphQLError } from 'graphql';
import { describe, expect, test } from 'vitest';
import { buildSchema } from '../../src/graphql/schema.ts';

const dateTime = assertScalarType(buildSchema().getType('DateTime'));

describe('DateTime', () => {
  test('gives out UTC with milliseconds', () => {
    expect(dateTime.serialize(Date.UTC(2026, 10, 23, 9, 30))).toBe('2026-11-23T09:30:00.000Z');
    expect(dateTime.serialize(Date.UTC(2026, 10, 23, 9, 30, 1, 7))).toBe('2026-11-23T09:30:01.007Z');
  });

  test.each([
    ['2026-11-23T09:30:00.000Z', '2026-11-23T09:30:00.000Z'],
    ['2026-11-23T09:30:00Z', '2026-11-23T09:30:00.000Z'],
    ['2026-11-23t09:30:00z', '2026-11-23T09:30:00.000Z'],
    ['2026-11-23T10:30:00+01:00', '2026-11-23T09:30:00.000Z'],
    ['2026-11-23T04:00:00-05:30', '2026-11-23T09:30:00.000Z'],
    ['2026-11-23T09:30:00-00:00', '2026-11-23T09:30:00.000Z'],
    ['2026-11-23T09:30:00.5Z', '2026-11-23T09:30:00.500Z'],
    ['2026-11-23T09:30:00.123999Z', '2026-11-23T09:30:00.123Z'],
    ['2024-02-29T00:00:00Z', '2024-02-29T00:00:00.000Z'],
    ['2025-12-31T23:30:00-01:00', '2026-01-01T00:30:00.000Z'],
    ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000Z'],
    ['9999-12-31T23:59:59.999Z', '9999-12-31T23:59:59.999Z'],
  ])('takes %s', (given, meant) => {
    expect(dateTime.serialize(dateTime.parseValue(given))).toBe(meant);
  });

  test.each([
    'yesterday',
    '',
    '2026-11-23',
    '2026-11-23T09:30Z',
    '2026-11-23T09:30:00',
    '2026-11-23 09:30:00Z',
    '2026-11-23T09:30:00+0100',
    '2026-11-23T09:30:00+01',
    '2026-11-23T09:30:00.Z',
    '2026-02-30T00:00:00Z',
    '2025-02-29T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-00-10T00:00:00Z',
    '2026-11-23T24:00:00Z',
    '2026-11-23T09:60:00Z',
    '2026-12-31T23:59:60Z',
    '2026-11-23T09:30:00+24:00',
    '2026-11-23T09:30:00+01:60',
    '12026-11-23T09:30:00Z',
    '9999-12-31T23:59:59-00:01',
    '0000-01-01T00:00:00+00:01',
    ' 2026-11-23T09:30:00Z',
    '2026-11-23T09:30:00Z\n',
    '٢٠٢٦-11-23T09:30:00Z',
    1_795_426_200_000,
    1.5,
    true,
    {},
    ['2026-11-23T09:30:00Z'],
  ])('refuses %j and names it', (given) => {
    const parse = (): unknown => dateTime.parseValue(given);
    expect(parse).toThrow(GraphQLError);
    expect(parse).toThrow(`got ${JSON.stringify(given)}.`);
  });

  test('quotes only the beginning of a long value', () => {
    expect(() => dateTime.parseValue('x'.repeat(10_000))).toThrow(/got "x{58}…\.$/);
  });
});
