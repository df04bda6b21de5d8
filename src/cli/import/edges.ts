import { MAX_ID_LENGTH } from '../../service/api.ts';

/** Decided once for a file, by its first line that says something: one that holds a comma makes it CSV. */
export type EdgeFormat = 'csv' | 'edges';

export type Edge = readonly [string, string];

/** Why a line cannot be imported, as the end of a sentence that begins with its number. */
export class BadLine extends Error {}

/** Blank lines, and comments behind `#`. */
export function saysNothing(text: string): boolean {
  const trimmed = text.trimStart();
  return trimmed === '' || trimmed.startsWith('#');
}

export function formatOf(text: string): EdgeFormat {
  return text.includes(',') ? 'csv' : 'edges';
}

/** Whether the first line that says something names columns instead of people: `user_id,friend_id`, `source target`. */
export function isHeader(text: string, format: EdgeFormat): boolean {
  const columns = format === 'csv' ? text.split(',') : text.trim().split(/\s+/);
  return (
    columns.length === 2 && columns.every((column) => COLUMN.test(column.toLowerCase().replaceAll(/[\s"_-]/g, '')))
  );
}

// Not `user1`: that is what people are called in many a test file.
const COLUMN =
  /^(?:(?:user|friend|person|member|source|target|from|to|src|dst)(?:id)?|(?:user|friend|person|member)[12ab]id)$/;

/** The two ids of a line, verbatim. Throws BadLine. */
export function parseEdge(text: string, format: EdgeFormat): Edge {
  // What cannot be decoded turns into U+FFFD; NUL is what UTF-16 looks like from here.
  if (text.includes('\uFFFD') || text.includes('\0')) throw new BadLine('is not UTF-8 text');
  const ids = format === 'csv' ? splitCsv(text) : text.trim().split(/\s+/);
  const [a, b] = ids;
  if (a === undefined || b === undefined) throw new BadLine(`needs two ids, found ${quote(text.trim())}`);
  if (ids.length > 2) throw new BadLine(`needs two ids, found ${ids.length}: ${quote(text.trim())}`);
  if (a === '' || b === '') throw new BadLine(`needs two ids, one is empty: ${quote(text.trim())}`);
  for (const id of [a, b]) {
    if (id.length > MAX_ID_LENGTH) throw new BadLine(`has an id longer than ${MAX_ID_LENGTH} characters: ${quote(id)}`);
  }
  if (a === b) throw new BadLine(`makes ${quote(a)} their own friend`);
  return [a, b];
}

/** Quoted fields are verbatim, with `""` for a quote; others are trimmed. A field ends on its line. */
function splitCsv(text: string): string[] {
  const fields: string[] = [];
  let at = 0;
  for (;;) {
    QUOTED.lastIndex = at;
    const quoted = QUOTED.exec(text);
    let end: number;
    if (quoted?.[1] !== undefined) {
      fields.push(quoted[1].replaceAll('""', '"'));
      end = QUOTED.lastIndex;
    } else {
      const comma = text.indexOf(',', at);
      end = comma < 0 ? text.length : comma;
      const field = text.slice(at, end).trim();
      if (field.startsWith('"'))
        throw new BadLine(`has a quote that does not end with its field: ${quote(text.trim())}`);
      fields.push(field);
    }
    if (end >= text.length) return fields;
    at = end + 1;
  }
}

const QUOTED = /[\t ]*"((?:[^"]|"")*)"[\t ]*(?=,|$)/y;

/** For messages: short, and without what could steer a terminal. */
export function quote(text: string): string {
  const short = text.length > 60 ? `${text.slice(0, 60)}…` : text;
  return printable(JSON.stringify(short));
}

export function printable(text: string): string {
  return text.replaceAll(
    /[\p{Cc}\p{Cf}]/gu,
    (character) => `\\u${character.codePointAt(0)?.toString(16).padStart(4, '0')}`,
  );
}
