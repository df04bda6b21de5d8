import { type FileHandle, open } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { RollcallError } from '../errors.ts';
import type { FriendGraph } from '../friends/port.ts';
import { type Batch, type Complaint, type NumberedEdge, readBatches } from './import/batches.ts';
import { Checkpoint, isSystemError, type Progress } from './import/checkpoint.ts';
import { count, type Display, display, type Output } from './import/display.ts';
import { type Edge, printable } from './import/edges.ts';
import { START } from './import/lines.ts';

export interface ImportOptions {
  /** An edge list (`a b`) or CSV (`a,b`), in UTF-8, one pair a line. */
  readonly file: string;
  /** Left open. */
  readonly graph: FriendGraph;
  /** Tells this store from others, as its address does: an import into one is not resumed in another. Never written down. */
  readonly target: string;
  /** Stop at the first line that cannot be imported. */
  readonly strict: boolean;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  /** Takes the result. */
  readonly stdout: Output;
  /** Takes progress and complaints. */
  readonly stderr: Output;
  /** How long to go on trying while the store is out of reach; 30 seconds if left out. */
  readonly patienceMs?: number;
}

/** What the command says where there is no graph that a server could share. */
export const NEEDS_SHARED_GRAPH =
  'import-friends needs REDIS_URL or DATABASE_URL: the embedded engine keeps its friend lists inside the server.';

const SAVE_EVERY_MS = 1000;
const MAX_COMPLAINTS = 50;
const FIRST_PAUSE_MS = 250;
const LAST_PAUSE_MS = 5000;
/** As shells report a command that SIGINT ended. */
const INTERRUPTED = 130;

/**
 * Makes each pair of a file friends, without anybody's consent; pairs in which one side blocks the other stay as they
 * are. Lines that cannot be imported are reported with their numbers and left out. When it is interrupted or the store
 * stays out of reach, a checkpoint beside the file lets the same call go on from there. Resolves with the exit code: 0; 1
 * when anything was not imported; 130 when interrupted.
 */
export async function importFriends(options: ImportOptions): Promise<number> {
  let file: FileHandle | null = null;
  let shown: Display | null = null;
  try {
    file = await open(options.file);
    const stats = await file.stat();
    if (!stats.isFile()) throw new Stop(`Cannot read ${options.file}: it is not a regular file.`, 1);
    shown = display(options.stderr, stats.size);
    return await new Import(options, file, new Checkpoint(options.file, stats, options.target), shown).run();
  } catch (error) {
    if (!(error instanceof Stop) && !isSystemError(error)) throw error;
    shown?.stop();
    options.stderr.write(`${error instanceof Stop ? error.message : cannotRead(options.file, error)}\n`);
    return error instanceof Stop ? error.exitCode : 1;
  } finally {
    shown?.stop();
    await file?.close();
  }
}

/** Ends the command early, with what to say and the exit code. */
class Stop extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode: number) {
    super(message);
    this.exitCode = exitCode;
  }
}

class Import {
  readonly #options: ImportOptions;
  readonly #file: FileHandle;
  readonly #checkpoint: Checkpoint;
  readonly #display: Display;
  readonly #startedAt = performance.now();
  /** All of the file up to here is dealt with. */
  #reached: Progress = { ...START, format: null, pairs: 0, added: 0, bad: 0, witness: null };
  #savedAt = performance.now();
  #savable = true;
  #complaints = 0;
  /** The store has been out of reach since the last look at what it holds. */
  #outage = false;

  constructor(options: ImportOptions, file: FileHandle, checkpoint: Checkpoint, shown: Display) {
    this.#options = options;
    this.#file = file;
    this.#checkpoint = checkpoint;
    this.#display = shown;
  }

  async run(): Promise<number> {
    await this.#resume();
    try {
      for await (const batch of readBatches(this.#file, this.#reached)) {
        if (this.#options.signal.aborted) await this.#giveUp('Interrupted.', INTERRUPTED);
        await this.#import(batch);
        this.#display.update(this.#reached.offset, this.#reached.pairs);
        if (performance.now() - this.#savedAt >= SAVE_EVERY_MS) await this.#save();
      }
    } catch (error) {
      await this.#save();
      throw error;
    }
    await this.#forget();
    this.#display.stop();
    this.#options.stdout.write(`${this.#summary()}\n`);
    return this.#reached.bad === 0 ? 0 : 1;
  }

  async #resume(): Promise<void> {
    const found = await this.#checkpoint.load();
    if (found === 'none') return;
    if (found === 'other') {
      this.#display.say(`${this.#checkpoint.path} is of no use for this file and store: starting from the beginning.`);
    } else if (!(await this.#stillHolds(found))) {
      this.#display.say('The store no longer holds what was imported before: starting from the beginning.');
    } else {
      this.#reached = found;
      this.#display.say(`Going on after line ${count(found.line)}, where an earlier import stopped.`);
    }
  }

  /** Whether the last pair imported is still there: a store that was emptied, or fell back, has lost it first. */
  async #stillHolds({ witness }: Progress): Promise<boolean> {
    if (witness === null) return true;
    const relations = await this.#patiently(() => this.#options.graph.relations(witness[0], [witness[1]]));
    return relations[0] === 'friend';
  }

  async #import({ edges, bad, header, format, end }: Batch): Promise<void> {
    if (header !== null) this.#display.say(`Line ${header} names the columns: left out.`);
    const firstBad = this.#options.strict ? bad[0] : undefined;
    // What stands before the line that ends a strict import is in by then.
    const wanted = firstBad ? edges.filter(({ line }) => line < firstBad.line) : edges;
    const refused: Complaint[] = [];
    const added = await this.#befriend(wanted, refused);
    if (this.#outage && !(await this.#stillHolds(this.#reached))) {
      throw new Stop('The store has lost what was imported before: the same command again starts over.', 1);
    }
    this.#outage = false;
    const complaints = [...bad, ...refused].sort((a, b) => a.line - b.line);
    for (const complaint of complaints) this.#complain(complaint);
    const { pairs, added: addedBefore, bad: badBefore, witness } = this.#reached;
    this.#reached = {
      ...end,
      format,
      pairs: pairs + edges.length - refused.length,
      added: addedBefore + added,
      bad: badBefore + complaints.length,
      witness: lastImported(edges, refused) ?? witness,
    };
  }

  /** Resolves with how many pairs are new. The graph refuses a batch as a whole: halving it finds the lines to blame. */
  async #befriend(edges: readonly NumberedEdge[], refused: Complaint[]): Promise<number> {
    if (edges.length === 0) return 0;
    try {
      return await this.#patiently(() => this.#options.graph.befriend(edges.map(({ edge }) => edge)));
    } catch (error) {
      if (!(error instanceof RollcallError) || error.code !== 'LIMIT_EXCEEDED') throw error;
      const [first, second] = edges;
      if (first && !second) {
        refused.push({ line: first.line, why: `cannot be imported: ${error.message}` });
        return 0;
      }
      const half = Math.ceil(edges.length / 2);
      const added = await this.#befriend(edges.slice(0, half), refused);
      if (this.#options.strict && refused.length > 0) return added;
      return added + (await this.#befriend(edges.slice(half), refused));
    }
  }

  /** Tries again while the store is out of reach, for as long as there is patience. */
  async #patiently<T>(ask: () => Promise<T>): Promise<T> {
    const { patienceMs = 30_000, signal } = this.#options;
    const giveUpAt = performance.now() + patienceMs;
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LAST_PAUSE_MS)) {
      try {
        return await ask();
      } catch (error) {
        if (!(error instanceof RollcallError) || error.code !== 'UNAVAILABLE') throw error;
        if (performance.now() + pauseMs > giveUpAt) await this.#giveUp(error.message, 1);
        if (pauseMs === FIRST_PAUSE_MS) this.#display.say(`${error.message} Trying again.`);
        this.#outage = true;
      }
      await delay(pauseMs, undefined, { signal }).catch(() => {});
      if (signal.aborted) await this.#giveUp('Interrupted.', INTERRUPTED);
    }
  }

  #complain({ line, why }: Complaint): void {
    const text = printable(`line ${line}: ${why}`);
    if (this.#options.strict) throw new Stop(`${text}\nStopped there; what stands before it is imported.`, 1);
    if (++this.#complaints <= MAX_COMPLAINTS) this.#display.say(text);
    else if (this.#complaints === MAX_COMPLAINTS + 1) this.#display.say('More lines could not be imported.');
  }

  async #giveUp(why: string, exitCode: number): Promise<never> {
    await this.#save();
    const { line } = this.#reached;
    if (line === 0) throw new Stop(`${why} Nothing is imported yet.`, exitCode);
    if (!this.#savable) throw new Stop(`${why} All up to line ${count(line)} is imported.`, exitCode);
    throw new Stop(`${why} The same command again goes on after line ${count(line)}.`, exitCode);
  }

  /** An import of which no checkpoint can be left goes on all the same. */
  async #save(): Promise<void> {
    this.#savedAt = performance.now();
    if (!this.#savable || this.#reached.line === 0) return;
    try {
      await this.#checkpoint.save(this.#reached);
    } catch (error) {
      if (!isSystemError(error)) throw error;
      this.#savable = false;
      this.#display.say(`Cannot write ${this.#checkpoint.path} (${error.code}): an interrupted import starts over.`);
    }
  }

  async #forget(): Promise<void> {
    try {
      await this.#checkpoint.remove();
    } catch (error) {
      if (!isSystemError(error)) throw error;
      this.#display.say(`Cannot remove ${this.#checkpoint.path} (${error.code}), which is needed no more.`);
    }
  }

  #summary(): string {
    const { pairs, added, bad } = this.#reached;
    const outcome = [`${count(added)} new`, `${count(pairs - added)} already friends or blocked`];
    if (bad > 0) outcome.push(`${count(bad)} ${bad === 1 ? 'line' : 'lines'} not imported`);
    const seconds = ((performance.now() - this.#startedAt) / 1000).toFixed(1);
    return `${count(pairs)} pairs read: ${outcome.join(', ')}; ${seconds} s.`;
  }
}

function lastImported(edges: readonly NumberedEdge[], refused: readonly Complaint[]): Edge | null {
  const blamed = new Set(refused.map(({ line }) => line));
  return edges.findLast(({ line }) => !blamed.has(line))?.edge ?? null;
}

function cannotRead(file: string, error: NodeJS.ErrnoException): string {
  const reasons: Record<string, string> = { ENOENT: 'there is no such file', EACCES: 'permission is denied' };
  return `Cannot read ${file}: ${reasons[error.code ?? ''] ?? error.message}.`;
}
