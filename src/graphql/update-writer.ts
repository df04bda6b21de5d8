import { type ExecutionResult, execute } from 'graphql';
import type { View } from '../presence/record.ts';
import type { FriendView, RosterUpdate } from '../roster/update.ts';
import { inOnePiece, toBinary } from './binary-text.ts';
import { type OperationArguments, withClientErrors } from './execute.ts';
import { compileChange, type WriteChange } from './view-writer.ts';

/** No update holds this cursor or this id. */
const PROBE = '\u0000';

type Slot =
  | { readonly kind: 'reset' | 'stale' | 'cursor' | 'removed' }
  /** The place of the name among those under which `changes` are asked for. */
  | { readonly kind: 'changes'; readonly place: number };

type Data = Readonly<Record<string, unknown>>;

/** What is told where there is nothing to tell but changes. */
const IN_PLAIN_UPDATES: Partial<Record<Slot['kind'], string>> = { reset: 'false', stale: 'false', removed: '[]' };

/** A slot, and the text between it and the next one. */
interface Place {
  readonly slot: Slot;
  readonly after: string;
}

interface Template {
  readonly head: string;
  readonly slots: readonly Place[];
}

/** Texts that follow each other become one. */
function templateOf(parts: readonly (string | Slot)[]): Template {
  const texts = [''];
  const slots: Slot[] = [];
  for (const part of parts) {
    if (typeof part === 'string') {
      texts[slots.length] += part;
    } else {
      slots.push(part);
      texts.push('');
    }
  }
  const [head = '', ...after] = texts.map(inOnePiece);
  return { head, slots: slots.map((slot, index) => ({ slot, after: after[index] ?? '' })) };
}

/**
 * Writes the updates of a subscription as the JSON of their execution result, byte for byte what executing the operation
 * for each of them and `JSON.stringify` give. A view is executed and written once, however many viewers are shown it.
 *
 * All texts are binary strings: one character a byte of UTF-8.
 */
export class UpdateWriter {
  readonly #execute: (update: RosterUpdate) => ExecutionResult;
  readonly #report: OperationArguments['report'];
  readonly #rootKey: string;
  /** The names under which `changes` are asked for, in the order of the answer. */
  readonly #changesKeys: readonly string[];
  /** For each of them; null where it has to be executed. */
  readonly #writeChange: readonly (WriteChange | null)[];
  readonly #any: Template;
  /** For nearly all updates: those that show changes and nothing else. */
  readonly #plain: Template;
  /** By view, for each of the changes keys. A view belongs to one user, but for that of all who were never seen. */
  readonly #texts = new WeakMap<View, { readonly id: string; readonly texts: readonly string[] }>();

  private constructor(
    run: (update: RosterUpdate) => ExecutionResult,
    report: OperationArguments['report'],
    rootKey: string,
    template: Data,
  ) {
    this.#execute = run;
    this.#report = report;
    this.#rootKey = rootKey;
    const keys: string[] = [];
    const parts: (string | Slot)[] = [`{"data":{${toBinary(JSON.stringify(rootKey))}:{`];
    for (const [index, [key, value]] of Object.entries(template).entries()) {
      parts.push(`${index > 0 ? ',' : ''}${toBinary(JSON.stringify(key))}:`);
      const slot = slotOf(value, keys.length);
      if (slot?.kind === 'changes') parts.push('[', slot, ']');
      else if (slot?.kind === 'cursor') parts.push('"', slot, '"');
      else parts.push(slot ?? JSON.stringify(value));
      if (slot?.kind === 'changes') keys.push(key);
    }
    parts.push('}}}');
    this.#any = templateOf(parts);
    const plain = parts.map((part) => (typeof part === 'string' ? part : (IN_PLAIN_UPDATES[part.kind] ?? part)));
    this.#plain = templateOf(plain);
    this.#changesKeys = keys;
    this.#writeChange = keys.map((key) => compileChange((change) => this.#show(change)[key]?.[0]));
  }

  /** The execution result of this update, `{"data":…}`. Never throws: what fails is in the result, as in any. */
  write(update: RosterUpdate): string {
    try {
      const plain = !update.reset && !update.stale && update.removed.length === 0;
      const { head, slots } = plain ? this.#plain : this.#any;
      let text = head;
      for (let index = 0; index < slots.length; index++) {
        const { slot, after } = slots[index] as Place;
        text += this.#value(slot, update) + after;
      }
      return text;
    } catch {
      const { data, errors } = withClientErrors(this.#execute(update), this.#report);
      return toBinary(JSON.stringify({ data, errors }));
    }
  }

  /**
   * Null where the answer is not of the kind that can be put together from pieces. What it looks like is found by
   * asking: that follows aliases, fragments and directives without a second reading of them.
   */
  static compile({
    schema,
    document,
    operationName,
    variables,
    context,
    report,
  }: OperationArguments): UpdateWriter | null {
    const run = (rootValue: RosterUpdate): ExecutionResult =>
      execute({
        schema,
        document,
        operationName,
        variableValues: variables,
        contextValue: context,
        rootValue,
      }) as ExecutionResult;
    const probe: RosterUpdate = { reset: true, changes: [], removed: [PROBE], cursor: PROBE, stale: false };
    const first = onlyField(run(probe));
    const second = onlyField(run({ ...probe, reset: false, stale: true }));
    if (first === null || second === null) return null;
    const template = Object.fromEntries(
      Object.entries(first.value).map(([key, value]) => [
        key,
        typeof value === 'boolean' ? (value === second.value[key] ? value : value ? RESET : STALE) : value,
      ]),
    );
    return new UpdateWriter(run, report, first.key, template);
  }

  #value(slot: Slot, update: RosterUpdate): string {
    switch (slot.kind) {
      case 'reset':
        return update.reset ? 'true' : 'false';
      case 'stale':
        return update.stale ? 'true' : 'false';
      case 'cursor':
        return update.cursor;
      case 'removed':
        return update.removed.length === 0 ? '[]' : toBinary(JSON.stringify(update.removed));
      case 'changes':
        return this.#changes(slot.place, update.changes);
      default:
        return slot satisfies never;
    }
  }

  #changes(place: number, changes: readonly FriendView[]): string {
    let text = '';
    for (let index = 0; index < changes.length; index++) {
      if (index > 0) text += ',';
      text += this.#textsOf(changes[index] as FriendView)[place];
    }
    return text;
  }

  #textsOf(change: FriendView): readonly string[] {
    const known = this.#texts.get(change.view);
    if (known?.id === change.id) return known.texts;
    let shown: Shown | null = null;
    const texts = this.#changesKeys.map((key, place) => {
      const write = this.#writeChange[place];
      if (write) return write(change);
      shown ??= this.#show(change);
      return toBinary(JSON.stringify(shown[key]?.[0]));
    });
    this.#texts.set(change.view, { id: change.id, texts });
    return texts;
  }

  /** What executing gives for an update with nothing but this change. Throws the first error that it gives. */
  #show(change: FriendView): Shown {
    const result = this.#execute({ reset: false, changes: [change], removed: [], cursor: PROBE, stale: false });
    const data = result.data?.[this.#rootKey] as Shown | undefined;
    if (result.errors || !data) throw result.errors?.[0] ?? new Error('An update gave neither data nor errors.');
    return data;
  }
}

type Shown = Readonly<Record<string, readonly unknown[]>>;

const RESET = Symbol('reset');
const STALE = Symbol('stale');

function slotOf(value: unknown, place: number): Slot | null {
  if (value === RESET) return { kind: 'reset' };
  if (value === STALE) return { kind: 'stale' };
  if (value === PROBE) return { kind: 'cursor' };
  if (Array.isArray(value)) return value.length > 0 ? { kind: 'removed' } : { kind: 'changes', place };
  return null;
}

function onlyField({ data, errors }: ExecutionResult): { readonly key: string; readonly value: Data } | null {
  const fields = Object.entries(data ?? {});
  const [field] = fields;
  if (errors || !field || fields.length !== 1 || typeof field[1] !== 'object' || field[1] === null) return null;
  return { key: field[0], value: field[1] as Data };
}
