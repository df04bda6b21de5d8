import type { FileHandle } from 'node:fs/promises';
import { BadLine, type Edge, type EdgeFormat, formatOf, isHeader, parseEdge, saysNothing } from './edges.ts';
import { type Line, MAX_LINE_BYTES, type Position, readLines } from './lines.ts';

export interface NumberedEdge {
  readonly line: number;
  readonly edge: Edge;
}

/** A line that cannot be imported. */
export interface Complaint {
  readonly line: number;
  readonly why: string;
}

/** What a run of lines says, in their order. */
export interface Batch {
  readonly edges: readonly NumberedEdge[];
  readonly bad: readonly Complaint[];
  /** The line of column names, where it is among these. */
  readonly header: number | null;
  /** Null as long as no line said anything. */
  readonly format: EdgeFormat | null;
  readonly end: Position;
}

/** How many lines go to the graph at once: enough to keep it busy, and soon enough done for Ctrl-C to answer at once. */
const BATCH_LINES = 1000;

export async function* readBatches(
  file: FileHandle,
  from: Position & { readonly format: EdgeFormat | null },
): AsyncGenerator<Batch> {
  let { format } = from;
  let lines: Line[] = [];
  for await (const some of readLines(file, from)) {
    lines = lines.concat(some);
    let begin = 0;
    for (; lines.length - begin >= BATCH_LINES; begin += BATCH_LINES) {
      const batch = toBatch(lines.slice(begin, begin + BATCH_LINES), from, format);
      format = batch.format;
      yield batch;
    }
    lines = lines.slice(begin);
  }
  if (lines.length > 0) yield toBatch(lines, from, format);
}

function toBatch(lines: readonly Line[], start: Position, known: EdgeFormat | null): Batch {
  const edges: NumberedEdge[] = [];
  const bad: Complaint[] = [];
  let format = known;
  let header: number | null = null;
  for (const { number: line, text } of lines) {
    if (text === null) {
      bad.push({ line, why: `is longer than ${MAX_LINE_BYTES} bytes` });
      continue;
    }
    if (saysNothing(text)) continue;
    if (format === null) {
      format = formatOf(text);
      if (isHeader(text, format)) {
        header = line;
        continue;
      }
    }
    try {
      edges.push({ line, edge: parseEdge(text, format) });
    } catch (error) {
      if (!(error instanceof BadLine)) throw error;
      bad.push({ line, why: error.message });
    }
  }
  const last = lines.at(-1);
  return { edges, bad, header, format, end: last ? { offset: last.end, line: last.number } : start };
}
