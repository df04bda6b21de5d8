import {
  type ExecutionResult,
  GraphQLError,
  GraphQLObjectType,
  GraphQLSchema,
  GraphQLString,
  graphqlSync,
} from 'graphql';
import { describe, expect, test } from 'vitest';
import { badInput, limitExceeded, RollcallError, unavailable } from '../../src/errors.ts';
import { toClientError } from '../../src/graphql/errors.ts';
import { buildSchema } from '../../src/graphql/schema.ts';

const schema = buildSchema();

/** The error of a request that graphql-js itself refuses, before any resolver runs. */
function refused(query: string, variables: Record<string, unknown> = {}): GraphQLError {
  const result: ExecutionResult = graphqlSync({ schema, source: query, variableValues: variables });
  const [error] = result.errors ?? [];
  if (!error) throw new Error(`not refused: ${JSON.stringify(result)}`);
  return toClientError(error, (unexpected) => {
    throw unexpected;
  });
}

/** What goes over the wire. */
function sent(error: GraphQLError): unknown {
  return JSON.parse(JSON.stringify(error));
}

const HEARTBEAT = 'mutation ($input: HeartbeatInput!) { heartbeat(input: $input) { nextHeartbeatMs } }';
const OVERRIDE = 'mutation ($input: SetOverrideInput!) { setOverride(input: $input) { viewer { id } } }';

describe('toClientError', () => {
  test.each([
    [new RollcallError('UNAUTHENTICATED', 'Sign in.'), { code: 'UNAUTHENTICATED' }],
    [new RollcallError('FORBIDDEN', 'No.'), { code: 'FORBIDDEN' }],
    [badInput('userId', 'userId must not be empty.'), { code: 'BAD_USER_INPUT', argument: 'userId' }],
    [new RollcallError('RATE_LIMITED', 'Slow.', { retryAfterMs: 250 }), { code: 'RATE_LIMITED', retryAfterMs: 250 }],
    [limitExceeded('Full.'), { code: 'LIMIT_EXCEEDED' }],
    [unavailable('Away.', new Error('ECONNREFUSED 10.0.0.7')), { code: 'UNAVAILABLE' }],
  ])('maps %s to its code and nothing more', (error, extensions) => {
    expect(sent(toClientError(error))).toEqual({ message: error.message, extensions });
  });

  test('keeps the path and place of an error in an operation', () => {
    const failing = new GraphQLSchema({
      query: new GraphQLObjectType({
        name: 'Query',
        fields: {
          field: {
            type: GraphQLString,
            resolve: () => {
              throw badInput('id', 'id is wrong.');
            },
          },
        },
      }),
    });
    const [error] = graphqlSync({ schema: failing, source: '{ alias: field }' }).errors ?? [];
    expect(sent(toClientError(error))).toEqual({
      message: 'id is wrong.',
      path: ['alias'],
      locations: [{ line: 1, column: 3 }],
      extensions: { code: 'BAD_USER_INPUT', argument: 'id' },
    });
  });

  test.each([
    ['an error of ours', new Error('password=secret')],
    ['an error that a resolver ran into', new GraphQLError('password=secret', { originalError: new TypeError('x') })],
    [
      'a value that an enum does not have',
      new GraphQLError('Enum "X" cannot represent value: "secret"', { path: ['a'] }),
    ],
    [
      'a masked error of somebody else',
      new GraphQLError('secret', { extensions: { code: 'INTERNAL_SERVER_ERROR' }, path: ['a'] }),
    ],
    ['something that is no error', 'secret'],
    ['nothing', undefined],
  ])('masks %s and reports it once', (_what, thrown) => {
    const reported: unknown[] = [];
    const report = (error: unknown): void => void reported.push(error);
    const masked = toClientError(thrown, report);
    expect(toClientError(masked, report)).toBe(masked);
    expect(masked.message).toBe('Internal server error');
    expect(masked.extensions).toEqual({ code: 'INTERNAL_SERVER_ERROR' });
    expect(JSON.stringify(masked)).not.toContain('secret');
    expect(masked.originalError).toBeUndefined();
    expect(reported).toEqual([thrown]);
  });

  test('leaves alone what it has made', () => {
    const once = toClientError(badInput('id', 'id is wrong.'));
    expect(toClientError(once)).toBe(once);
  });

  test('hints at the HTTP status without ever sending the hint', () => {
    const error = toClientError(new RollcallError('UNAUTHENTICATED', 'Sign in.'));
    expect(error.extensions['http']).toEqual({ status: 401, spec: true });
    expect(JSON.stringify(error)).toBe('{"message":"Sign in.","extensions":{"code":"UNAUTHENTICATED"}}');
    expect(refused('{').extensions['http']).toEqual({ status: 400, spec: true });
  });

  test('keeps a status that the HTTP layer has set', () => {
    const http = { status: 405, headers: { Allow: 'GET, POST' } };
    const foreign = new GraphQLError('Only GET and POST.', { extensions: { code: 'BAD_REQUEST', http } });
    const error = toClientError(foreign);
    expect(error.extensions['http']).toEqual(http);
    expect(sent(error)).toEqual({
      message: 'Only GET and POST.',
      extensions: { code: 'BAD_USER_INPUT', argument: 'query' },
    });
  });
});

describe('requests that graphql-js refuses', () => {
  test.each([
    ['syntax', '{ viewer {', /Syntax Error/],
    ['an unknown field', '{ viewer { name } }', /Cannot query field "name"/],
    ['a literal of the wrong type', '{ user(id: {}) { id } }', /ID cannot represent/],
    [
      'a literal that is no moment',
      'mutation { setOverride(input: { status: AWAY, expiresAt: "soon" }) { viewer { id } } }',
      /DateTime must be RFC 3339/,
    ],
    ['a variable that is not used', 'query ($id: ID) { viewer { id } }', /never used/],
  ])('name the query for %s', (_what, query, message) => {
    const error = refused(query);
    expect(error.message).toMatch(message);
    expect(error.extensions).toEqual({ code: 'BAD_USER_INPUT', argument: 'query' });
    expect(error.locations?.length).toBeGreaterThan(0);
  });

  test.each<[string, string, Record<string, unknown>, string, string]>([
    ['is missing', 'query ($id: ID!) { user(id: $id) { id } }', {}, 'id', 'Variable "$id" of required type'],
    ['is null', 'query ($id: ID!) { user(id: $id) { id } }', { id: null }, 'id', 'Variable "$id" of non-null type'],
    [
      'has the wrong type',
      'query ($who: ID!) { user(id: $who) { id } }',
      { who: {} },
      'who',
      'In variable "$who": ID cannot',
    ],
    [
      'holds a wrong item',
      'query ($ids: [ID!]!) { users(ids: $ids) { id } }',
      { ids: ['a', null] },
      'ids',
      'In variable "$ids[1]": ',
    ],
    [
      'lacks a field',
      HEARTBEAT,
      { input: {} },
      'sessionId',
      'In variable "$input": Field "sessionId" of required type',
    ],
    [
      'has a field too many',
      HEARTBEAT,
      { input: { sessionId: 's', kind: 'WEB' } },
      'kind',
      'In variable "$input": Field "kind"',
    ],
    [
      'has a value that the enum has not',
      HEARTBEAT,
      { input: { sessionId: 's', client: 'TV' } },
      'client',
      'In variable "$input.client": Value "TV"',
    ],
    [
      'holds no moment',
      OVERRIDE,
      { input: { status: 'AWAY', expiresAt: 'soon' } },
      'expiresAt',
      'In variable "$input.expiresAt": DateTime must be RFC 3339 with Z or an offset, such as "2026-11-23T09:30:00.000Z"; got "soon".',
    ],
    [
      'quotes a place in its value',
      HEARTBEAT,
      { input: 'x at "input.fake"' },
      'input',
      'In variable "$input": Expected type',
    ],
    [
      'is as long as a request',
      'query ($id: ID!) { user(id: $id) { id } }',
      { id: ['x'.repeat(100_000)] },
      'id',
      'In variable "$id": ID cannot',
    ],
  ])('name the variable or input field that %s', (_what, query, variables, argument, message) => {
    const error = refused(query, variables);
    expect(error.extensions).toEqual({ code: 'BAD_USER_INPUT', argument });
    expect(error.message).toContain(message);
    expect(error.message.length).toBeLessThanOrEqual(500);
  });
});
