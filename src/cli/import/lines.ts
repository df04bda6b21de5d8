import type { FileHandle } from 'node:fs/promises';

export interface Line {
  /** From 1. */
  readonly number: number;
  /** Without its line break; null when it is longer than MAX_LINE_BYTES. */
  readonly text: string | null;
  /** Where the next line begins, in bytes from the start of the file. */
  readonly end: number;
}

/** Where to begin: `line` lines, which end at byte `offset`, have been read before. */
export interface Position {
  readonly offset: number;
  readonly line: number;
}

export const START: Position = { offset: 0, line: 0 };
/** Longer than any two ids with their quotes; keeps memory bounded whatever the file holds. */
export const MAX_LINE_BYTES = 16_384;

const BLOCK_BYTES = 65_536;
const NEWLINE = 0x0a;

/** The lines of a file as UTF-8, in batches, a block of the file at a time. Leaves the file open. */
export async function* readLines(file: FileHandle, from: Position): AsyncGenerator<Line[]> {
  let { offset, line: number } = from;
  let rest: Buffer = Buffer.alloc(0);
  let tooLong = false;
  const take = (bytes: Buffer, breakBytes: number): Line => {
    offset += bytes.length + breakBytes;
    number++;
    const text = tooLong || bytes.length > MAX_LINE_BYTES ? null : toText(bytes, number);
    tooLong = false;
    return { number, text, end: offset };
  };
  const blocks = file.createReadStream({ start: offset, highWaterMark: BLOCK_BYTES, autoClose: false });
  for await (const block of blocks as AsyncIterable<Buffer>) {
    const bytes = rest.length > 0 ? Buffer.concat([rest, block]) : block;
    const lines: Line[] = [];
    let begin = 0;
    for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, begin)) {
      lines.push(take(bytes.subarray(begin, at), 1));
      begin = at + 1;
    }
    rest = bytes.subarray(begin);
    if (rest.length > MAX_LINE_BYTES) {
      offset += rest.length;
      rest = Buffer.alloc(0);
      tooLong = true;
    }
    yield lines;
  }
  if (rest.length > 0 || tooLong) yield [take(rest, 0)];
}

function toText(bytes: Buffer, number: number): string {
  const text = bytes.toString('utf8').replace(/\r$/, '');
  return number === 1 ? text.replace(/^\uFEFF/, '') : text;
}
