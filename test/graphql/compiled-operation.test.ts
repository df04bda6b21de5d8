import fc from 'fast-check';
import { getOperationAST, parse, validate } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { unavailable } from '../../src/errors.ts';
import { CompiledOperations } from '../../src/graphql/compiled-operation.ts';
import { executeOperation, type OperationArguments } from '../../src/graphql/execute.ts';
import { buildSchema } from '../../src/graphql/schema.ts';
import type { Caller, Rollcall } from '../../src/service/api.ts';
import type { World } from '../service/world.ts';
import { openEmbeddedWorld } from './embedded-world.ts';

const schema = buildSchema();
let world: World;

beforeAll(async () => {
  world = await openEmbeddedWorld();
});
afterAll(() => world.close());

/** The real service; who asks the same of it twice is given what they were given first. */
function remembering(rollcall: Rollcall): { readonly rollcall: Rollcall; readonly asked: Map<string, unknown> } {
  const asked = new Map<string, unknown>();
  const ask = (name: string, call: (...args: unknown[]) => unknown, args: unknown[]): unknown => {
    const key = JSON.stringify([name, ...args]);
    if (!asked.has(key)) asked.set(key, call.apply(rollcall, args));
    return asked.get(key);
  };
  const proxy = new Proxy(rollcall, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name);
      return typeof member === 'function'
        ? (...args: unknown[]) => ask(String(name), member as (...args: unknown[]) => unknown, args)
        : member;
    },
  });
  return { rollcall: proxy, asked };
}

/** The leaves and the objects of each type that an answer can be made of. */
const TYPES = {
  HeartbeatPayload: { leaves: ['nextHeartbeatMs'], objects: { session: 'Session', viewer: 'Viewer' } },
  EndSessionPayload: { leaves: [], objects: { viewer: 'Viewer' } },
  SetCustomStatusPayload: { leaves: [], objects: { viewer: 'Viewer' } },
  Session: { leaves: ['id', 'client', 'activity', 'lastActiveAt', 'expiresAt'], objects: {} },
  Viewer: {
    leaves: ['id', 'invisible', 'hiddenFrom'],
    objects: {
      presence: 'Presence',
      sessions: 'Session',
      overrides: 'PresenceOverride',
      explanation: 'PresenceExplanation',
      'friends(first: 2)': 'FriendConnection',
    },
  },
  Presence: { leaves: ['status', 'since', 'lastActiveAt', 'clients'], objects: { customStatus: 'CustomStatus' } },
  CustomStatus: { leaves: ['text', 'emoji', 'expiresAt'], objects: {} },
  PresenceOverride: { leaves: ['source', 'status', 'priority', 'expiresAt'], objects: {} },
  PresenceExplanation: { leaves: ['status', 'reason', 'nextStatus', 'nextTransitionAt'], objects: {} },
  FriendConnection: { leaves: ['totalCount', 'onlineCount'], objects: {} },
} as const;
type TypeName = keyof typeof TYPES;

const directive = fc.constantFrom(...Array(12).fill(''), ' @include(if: $yes)', ' @skip(if: true)');
const alias = fc.constantFrom('', '', '', 'a: ', '__x: ', 'id: ');

function selection(type: TypeName, depth: number): fc.Arbitrary<string> {
  const { leaves, objects } = TYPES[type];
  const leaf = fc.tuple(alias, fc.constantFrom(...leaves, '__typename'), directive).map((parts) => parts.join(''));
  const object = Object.entries(objects).map(([name, of]) =>
    fc
      .tuple(alias, directive, selection(of as TypeName, depth))
      .map(([as, when, inner]) => `${as}${name}${when} ${inner}`),
  );
  const spread =
    depth === 0
      ? []
      : [
          fc
            .tuple(fc.constantFrom('...', `... on ${type}`), directive, selection(type, depth - 1))
            .map(([head, when, inner]) => `${head}${when} ${inner}`),
          ...(type === 'Session' || type === 'Presence' ? [fc.constant(`...${type}Parts`)] : []),
        ];
  return fc
    .array(fc.oneof(leaf, ...object, ...spread), { minLength: 1, maxLength: 4 })
    .map((fields) => `{ ${fields.join(' ')} }`);
}

const FRAGMENTS = {
  Session: 'fragment SessionParts on Session { id expiresAt ... { client } }',
  Presence: 'fragment PresenceParts on Presence { clients customStatus { text } }',
};

const ROOTS: readonly (readonly [string, TypeName])[] = [
  ['mutation M($input: HeartbeatInput!%) { heartbeat(input: $input)', 'HeartbeatPayload'],
  ['mutation M($input: HeartbeatInput!%) { beat: heartbeat(input: $input)', 'HeartbeatPayload'],
  ['mutation M($session: ID!%) { heartbeat(input: { sessionId: $session })', 'HeartbeatPayload'],
  ['mutation M($end: EndSessionInput!%) { endSession(input: $end)', 'EndSessionPayload'],
  ['mutation M($status: SetCustomStatusInput!%) { setCustomStatus(input: $status)', 'SetCustomStatusPayload'],
  ['query Q(%) { viewer', 'Viewer'],
];

const documents = fc
  .constantFrom(...ROOTS)
  .chain(([root, type]) => selection(type, 2).map((selected) => `${root} ${selected} }`))
  .map((body) => {
    const variables = body.includes('$yes') ? `${body.includes('(%)') ? '' : ', '}$yes: Boolean!` : '';
    const source = body.replace('%', variables).replace('()', '');
    const used = Object.entries(FRAGMENTS).filter(([name]) => source.includes(`...${name}Parts`));
    return [source, ...used.map(([, fragment]) => fragment)].join('\n');
  });

const odd = fc.constantFrom<unknown>(null, 5, '', 'PHONE', true, [], {}, ['a'], 1.5, 'x'.repeat(257));
const mostly = (usual: fc.Arbitrary<unknown>) =>
  fc.oneof({ weight: 12, arbitrary: usual }, { weight: 1, arbitrary: odd });
const text = fc.constantFrom<unknown>('tab', 'é', '🙂"\\\n', '\u2028', '\ud800');
const heartbeatInput = fc.record(
  {
    sessionId: mostly(text),
    client: mostly(fc.constantFrom('WEB', 'MOBILE')),
    activity: mostly(fc.constantFrom('ACTIVE', 'IDLE')),
    bindToConnection: mostly(fc.boolean()),
    shoeSize: odd,
  },
  { requiredKeys: ['sessionId'] },
);
const usualInput = fc.record({ sessionId: text }, { requiredKeys: ['sessionId'] });
const statusInput = fc.record(
  {
    text: mostly(text),
    emoji: mostly(text),
    expiresAt: mostly(fc.constantFrom('2100-01-01T00:00:00Z', '2000-01-01T00:00:00Z', 'soon')),
  },
  { requiredKeys: [] },
);
const variables = fc.record(
  {
    input: mostly(fc.oneof(usualInput, heartbeatInput)),
    session: mostly(text),
    end: mostly(usualInput),
    status: mostly(statusInput),
    yes: mostly(fc.boolean()),
  },
  { requiredKeys: ['input', 'session', 'end', 'status', 'yes'] },
);
const caller = fc.oneof(
  { weight: 1, arbitrary: fc.constant<Caller | null>(null) },
  {
    weight: 6,
    arbitrary: fc.constantFrom<Caller>(...['ada', 'é'].map((userId) => ({ userId, admin: false, connection: null }))),
  },
);

describe('what is compiled', () => {
  it('is what executing and JSON.stringify give, byte for byte, whatever is asked for and with whatever values', async () => {
    const operations = new CompiledOperations(schema);
    let written = 0;
    let failed = 0;
    await fc.assert(
      fc.asyncProperty(
        documents,
        fc.array(fc.tuple(variables, caller), { minLength: 1, maxLength: 3 }),
        async (source, asks) => {
          const document = parse(source);
          fc.pre(validate(schema, document).length === 0);
          const operation = getOperationAST(document);
          if (!operation) throw new Error('There is one operation.');
          for (const [given, who] of asks) {
            const { rollcall, asked } = remembering(world.rollcall);
            const args: OperationArguments = { schema, document, variables: given, context: { rollcall, caller: who } };
            const plain = await executeOperation(args);
            const askedPlainly = [...asked.keys()];
            const result = await operations.run({ document, operation }, { ...args, context: { ...args.context } });
            expect([...asked.keys()]).toEqual(askedPlainly);
            if (typeof result === 'string') {
              written += 1;
              expect(Buffer.from(result, 'latin1').toString('utf8')).toBe(
                Buffer.from(JSON.stringify(plain)).toString('utf8'),
              );
            } else {
              if (result.errors) failed += 1;
              expect(JSON.stringify(result)).toBe(JSON.stringify(plain));
            }
          }
        },
      ),
      { numRuns: 400 },
    );
    expect(written).toBeGreaterThan(100);
    expect(failed).toBeGreaterThan(50);
  });

  it('does what is asked for once, also where the answer has to be made by the executor', async () => {
    const operations = new CompiledOperations(schema);
    const document = parse('mutation ($input: HeartbeatInput!) { heartbeat(input: $input) { nextHeartbeatMs } }');
    const operation = getOperationAST(document);
    if (!operation) throw new Error('There is one operation.');
    let calls = 0;
    const rollcall = new Proxy(world.rollcall, {
      get: (target, name) => {
        if (name === 'heartbeat') calls += 1;
        return Reflect.get(target, name) as unknown;
      },
    });
    const context = { rollcall, caller: { userId: 'ada', admin: false, connection: null } };
    const variables = { input: { sessionId: 'x'.repeat(257) } };
    const result = await operations.run({ document, operation }, { schema, document, variables, context });
    expect(result).toMatchObject({ errors: [{ extensions: { code: 'BAD_USER_INPUT', argument: 'sessionId' } }] });
    expect(calls).toBe(1);
  });

  it('leaves to the executor what has to be waited for, whatever becomes of it', async () => {
    const operations = new CompiledOperations(schema);
    const document = parse('mutation ($input: AddFriendInput!) { addFriend(input: $input) { viewer { id } } }');
    const operation = getOperationAST(document);
    if (!operation) throw new Error('There is one operation.');
    let loads = 0;
    const rollcall = new Proxy(world.rollcall, {
      get: (target, name) => {
        if (name !== 'record') return Reflect.get(target, name) as unknown;
        loads += 1;
        return () => Promise.reject(unavailable('The store cannot be reached at the moment.'));
      },
    });
    const context = { rollcall, caller: { userId: 'ada', admin: false, connection: null } };
    const variables = { input: { userId: 'bob' } };
    for (const loaded of [2, 3]) {
      const result = await operations.run({ document, operation }, { schema, document, variables, context });
      expect(result).toMatchObject({ errors: [{ extensions: { code: 'UNAVAILABLE' } }] });
      expect(loads).toBe(loaded);
    }
  });
});
