import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AskedReader } from '../../src/server/asked.ts';

const id = fc.oneof(
  fc.uuid(),
  fc.string({ unit: 'grapheme', maxLength: 4 }),
  fc.constantFrom('1', '"', '\\', '\n', 'é'),
);
const payload = fc.constantFrom<unknown>(
  { query: '{ a }' },
  { query: '{ b }' },
  { query: '{ a }', variables: { id: '2' }, operationName: null },
  { query: '{ a }', variables: { id: '3' }, operationName: null },
  { query: '{ a }', variables: [] },
  { query: 5 },
  null,
);
/** Written as clients do, in another order, with a second id behind, with blanks, or cut off. */
const message = fc
  .tuple(id, payload, fc.constantFrom('subscribe', 'subscribe', 'complete'), fc.nat(9))
  .map(([name, asked, type, form]) => {
    const usual = JSON.stringify({ id: name, type, payload: asked });
    if (form === 0) return JSON.stringify({ type, id: name, payload: asked });
    if (form === 1) return `${usual.slice(0, -1)},"id":"other"}`;
    if (form === 2) return usual.replace('{"id":', '{ "id" :');
    if (form === 3) return usual.slice(0, -1);
    return usual;
  });

test('a message is read alike whatever came before it', () => {
  let again = 0;
  fc.assert(
    fc.property(fc.array(message, { minLength: 1, maxLength: 8 }), (messages) => {
      const reader = new AskedReader();
      for (const text of messages.flatMap((each) => [each, each, each])) {
        const asked = reader.read(text);
        expect(asked).toEqual(new AskedReader().read(text));
        if (asked !== null) {
          again += 1;
          expect(asked).toMatchObject({ id: (JSON.parse(text) as { id: string }).id });
        }
      }
    }),
    { numRuns: 500 },
  );
  expect(again).toBeGreaterThan(500);
});

test('of what is said again with another id the id is the new one', () => {
  const reader = new AskedReader();
  const say = (name: string) =>
    reader.read(`{"id":"${name}","type":"subscribe","payload":{"query":"{ a }","variables":{"b":1}}}`);
  for (const name of ['1', '2', '3', '17', 'é']) {
    expect(say(name)).toEqual({ id: name, query: '{ a }', operationName: undefined, variables: { b: 1 } });
  }
  expect(reader.read('{"id":"4","type":"subscribe","payload":{"query":"{ b }","variables":{"b":1}}}')?.query).toBe(
    '{ b }',
  );
});

test('of two ids in one message the last counts, as in JSON', () => {
  const reader = new AskedReader();
  const say = (name: string) =>
    reader.read(`{"id":"${name}","type":"subscribe","payload":{"query":"{ a }"},"id":"last"}`);
  for (const name of ['1', '2', '3', '4']) expect(say(name)?.id).toBe('last');
});
