import fc from 'fast-check';
import { type DocumentNode, execute, parse, print, validate } from 'graphql';
import { describe, expect, it } from 'vitest';
import { FriendsPresenceDocument } from '../../src/client/gql/graphql.ts';
import type { OperationArguments } from '../../src/graphql/execute.ts';
import { buildSchema } from '../../src/graphql/schema.ts';
import { UpdateWriters } from '../../src/graphql/update-writers.ts';
import { compileChange } from '../../src/graphql/view-writer.ts';
import { CLIENT_KINDS, PRESENCE_STATUSES, type View } from '../../src/presence/record.ts';
import type { RosterUpdate } from '../../src/roster/update.ts';
import type { Rollcall } from '../../src/service/api.ts';

const schema = buildSchema();
// Nothing that updates are made of asks the service anything.
const context = { rollcall: {} as Rollcall, caller: { userId: 'viewer', admin: false, connection: null } };

function operation(document: DocumentNode, variables: Record<string, unknown> = {}): OperationArguments {
  return { schema, document, variables, context };
}

function plain({ document, variables }: OperationArguments, rootValue: RosterUpdate): string {
  return JSON.stringify(execute({ schema, document, variableValues: variables, contextValue: context, rootValue }));
}

function utf8(binary: string): string {
  return Buffer.from(binary, 'latin1').toString('utf8');
}

const text = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 12 }), fc.constantFrom('é', '🙂', '"\\\n', '\u2028'));
const time = fc.option(fc.integer({ min: 0, max: 4e12 }));
const view: fc.Arbitrary<View> = fc.record({
  rev: fc.nat(),
  status: fc.constantFrom(...PRESENCE_STATUSES),
  since: time,
  lastActiveAt: time,
  clients: fc.subarray([...CLIENT_KINDS]),
  customStatus: fc.option(fc.record({ text: fc.option(text), emoji: fc.option(text), expiresAt: time })),
});
const update: fc.Arbitrary<RosterUpdate> = fc.record({
  reset: fc.boolean(),
  changes: fc.array(fc.record({ id: text, view }), { maxLength: 4 }),
  removed: fc.array(text, { maxLength: 3 }),
  cursor: fc.string({ unit: fc.constantFrom(...'abcdef0123456789.-_') }),
  stale: fc.boolean(),
});

/** The leaves and the objects of each type that can be part of an update. */
const TYPES = {
  RosterUpdate: { leaves: ['reset', 'removed', 'cursor', 'stale'], objects: { changes: 'User' } },
  User: { leaves: ['id', 'isFriend'], objects: { presence: 'Presence' } },
  Presence: {
    leaves: ['status', 'since', 'lastActiveAt', 'clients'],
    objects: { customStatus: 'CustomStatus' },
  },
  CustomStatus: { leaves: ['text', 'emoji', 'expiresAt'], objects: {} },
} as const;
type TypeName = keyof typeof TYPES;

const directive = fc.constantFrom(
  '',
  '',
  '',
  ' @include(if: $yes)',
  ' @skip(if: $yes)',
  ' @include(if: $no)',
  ' @include(if: true)',
  ' @skip(if: $open)',
);
const alias = fc.constantFrom('', '', 'a: ', 'b: ', '__x: ', 'changes: ', 'id: ');

/** A selection on a type, in which names may clash: what the rules refuse is left out by the property. */
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
          fc.tuple(fc.constant(`...${type}Parts`), directive).map((parts) => parts.join('')),
        ];
  return fc
    .array(fc.oneof(leaf, ...object, ...spread), { minLength: 1, maxLength: 5 })
    .map((fields) => `{ ${fields.join(' ')} }`);
}

const FRAGMENTS = `
  fragment RosterUpdateParts on RosterUpdate { stale changes { ...UserParts again: id } }
  fragment UserParts on User { id presence @skip(if: $open) { ...PresenceParts } }
  fragment PresenceParts on Presence { status customStatus { ...CustomStatusParts } }
  fragment CustomStatusParts on CustomStatus { text @include(if: $yes) }
`;

const documents = fc
  .tuple(
    fc.constantFrom('friendsPresence', 'roster: friendsPresence', 'presence(userIds: ["a"])'),
    selection('RosterUpdate', 2),
  )
  .map(([root, selected]) => {
    const body = `subscription S($yes: Boolean!, $no: Boolean! = false, $open: Boolean = false) { ${root} ${selected} }`;
    const used = [...FRAGMENTS.matchAll(/fragment (\w+) .*/g)].map(([whole, name]) => ({ whole, name: name ?? '' }));
    let source = body;
    for (let size = -1; size !== source.length; ) {
      size = source.length;
      for (const { whole, name } of used) {
        if (source.includes(`...${name}`) && !source.includes(`fragment ${name} `)) source += whole;
      }
    }
    return source;
  });

describe('rule 5.2: texts that are shared', () => {
  it('are what executing and JSON.stringify give, byte for byte, whatever is selected', () => {
    const writers = new UpdateWriters(schema);
    let compared = 0;
    fc.assert(
      fc.property(
        documents,
        fc.boolean(),
        fc.option(fc.boolean(), { nil: undefined }),
        fc.array(update, { minLength: 1, maxLength: 3 }),
        (source, yes, open, updates) => {
          const document = parse(source);
          // Unused variables are refused by a rule that has nothing to do with what is selected.
          const errors = validate(schema, document).filter(({ message }) => !/is never used/.test(message));
          fc.pre(errors.length === 0);
          const asked = operation(document, open === undefined ? { yes } : { yes, open });
          const writer = writers.for(asked);
          for (const each of [...updates, ...updates]) {
            expect(writer).not.toBeNull();
            expect(utf8(writer?.write(each) ?? '')).toBe(plain(asked, each));
            compared += 1;
          }
        },
      ),
      { numRuns: 200 },
    );
    expect(compared).toBeGreaterThan(200);
  });

  it('are not taken for those of another selection of the same document', () => {
    const writers = new UpdateWriters(schema);
    const document = parse(
      'subscription ($open: Boolean = true) { friendsPresence { stale reset @include(if: $open) } }',
    );
    const given: RosterUpdate = { reset: true, changes: [], removed: [], cursor: 'c', stale: false };
    for (const variables of [{}, { open: false }, { open: true }]) {
      const asked = operation(document, variables);
      expect(writers.for(asked)?.write(given)).toBe(plain(asked, given));
    }
    expect(writers.for(operation(document, { open: null }))).toBeNull();
  });

  it('are the same whomever it is about, and keep nothing of who asked', () => {
    const writers = new UpdateWriters(schema);
    const document = parse(
      'subscription ($ids: [ID!]!, $after: String) { p: presence(userIds: $ids, after: $after) { cursor changes { id } } }',
    );
    const [someone] = fc.sample(view, 1);
    if (!someone) throw new Error('There is no view.');
    const given = { reset: false, removed: [], cursor: 'c', stale: false, changes: [{ id: 'b', view: someone }] };
    const first = operation(document, { ids: ['b'], after: 'x' });
    const second = operation(document, { ids: ['c'] });
    expect(writers.for(first)?.write(given)).toBe(plain(first, given));
    expect(writers.for(second)).toBe(writers.for(first));
  });

  it('are not made of what depends on the viewer', () => {
    const writers = new UpdateWriters(schema);
    expect(writers.for(operation(parse('subscription { viewer { id } }')))).toBeNull();
  });

  it('tell people of whom nothing was ever stored apart, who all share one view', () => {
    const writers = new UpdateWriters(schema);
    const asked = operation(parse('subscription { friendsPresence { changes { id } } }'));
    const [never] = fc.sample(view, 1);
    if (!never) throw new Error('There is no view.');
    const given = { reset: true, removed: [], cursor: 'c', stale: false };
    for (const id of ['a', 'b', 'a']) {
      const each = { ...given, changes: [{ id, view: never }] };
      expect(writers.for(asked)?.write(each)).toBe(plain(asked, each));
    }
  });
});

describe('a writer of changes', () => {
  const show = (source: string) => {
    const asked = operation(parse(source), { yes: true, no: false });
    return (change: { id: string; view: View }): unknown => {
      const update = { reset: false, removed: [], cursor: 'c', stale: false, changes: [change] };
      const { data } = JSON.parse(plain(asked, update)) as { data: { friendsPresence: { changes: unknown[] } } };
      return data.friendsPresence.changes[0];
    };
  };

  it('needs no execution for what clients select', () => {
    const shown = show(print(FriendsPresenceDocument));
    const write = compileChange(shown);
    fc.assert(
      fc.property(text, view, (id, seen) => {
        const change = { id, view: seen };
        expect(utf8(write?.(change) ?? '')).toBe(JSON.stringify(shown(change)));
      }),
    );
  });

  it('is not had where what comes out is not made of what goes in', () => {
    let count = 0;
    expect(compileChange(() => ({ count: count++ }))).toBeNull();
    expect(compileChange(({ view: { status } }) => ({ here: status !== 'OFFLINE' }))).toBeNull();
  });
});
