import { createHash } from 'node:crypto';
import type { Stats } from 'node:fs';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { z } from 'zod';

const progress = z.object({
  /** Up to here all is imported, in bytes and lines from the start of the file. */
  offset: z.int().nonnegative(),
  line: z.int().nonnegative(),
  format: z.enum(['csv', 'edges']).nullable(),
  /** Lines that held a pair which could be imported. */
  pairs: z.int().nonnegative(),
  /** Pairs that became friends. */
  added: z.int().nonnegative(),
  /** Lines that could not be imported. */
  bad: z.int().nonnegative(),
  /** The last pair imported: where the store no longer has it, it no longer has the rest. */
  witness: z.tuple([z.string(), z.string()]).readonly().nullable(),
});

/** How far an import has come. */
export type Progress = z.infer<typeof progress>;

const stored = z.object({ file: z.string(), target: z.string(), progress });

/** The note, beside the file, that lets an interrupted import go on where it stopped. */
export class Checkpoint {
  readonly path: string;
  readonly #file: string;
  readonly #target: string;

  /**
   * `target` tells one store from another; only a digest of it is kept. A file that was written to since, or another
   * target, is another import.
   */
  constructor(file: string, stats: Stats, target: string) {
    this.path = `${file}.rollcall-progress`;
    this.#file = `${stats.size} bytes of ${stats.mtime.toISOString()}`;
    this.#target = createHash('sha256').update(target).digest('hex');
  }

  /** What an earlier import of this file into this target left behind; `other` where it is not of this or unreadable. */
  async load(): Promise<Progress | 'none' | 'other'> {
    let text: string;
    try {
      text = await readFile(this.path, 'utf8');
    } catch (error) {
      if (!isSystemError(error)) throw error;
      return error.code === 'ENOENT' ? 'none' : 'other';
    }
    const found = stored.safeParse(parseJson(text));
    if (!found.success || found.data.file !== this.#file || found.data.target !== this.#target) return 'other';
    return found.data.progress;
  }

  /** Whole or not at all, also when the process dies in the middle. */
  async save(reached: Progress): Promise<void> {
    const text = JSON.stringify({ file: this.#file, target: this.#target, progress: reached });
    await writeFile(`${this.path}.tmp`, `${text}\n`);
    await rename(`${this.path}.tmp`, this.path);
  }

  async remove(): Promise<void> {
    await rm(this.path, { force: true });
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && 'syscall' in error;
}
