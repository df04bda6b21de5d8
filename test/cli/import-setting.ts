import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { type ImportOptions, importFriends } from '../../src/cli/import-friends.ts';
import { unavailable } from '../../src/errors.ts';
import { MemoryFriendGraph } from '../../src/friends/memory.ts';

/** The embedded graph, with a look at what it is asked, and moments without it. */
export class ObservedGraph extends MemoryFriendGraph {
  /** How many pairs each call of `befriend` named. */
  readonly asked: number[] = [];
  /** How many of the next calls find the graph out of reach. */
  outages = 0;
  onBefriend: () => void = () => {};
  onOutage: () => void = () => {};

  constructor() {
    super({ now: () => Math.floor(performance.timeOrigin + performance.now()) });
  }

  override async befriend(pairs: readonly (readonly [string, string])[]): Promise<number> {
    if (this.outages > 0) {
      this.outages--;
      this.onOutage();
      throw unavailable('The store cannot be reached at the moment.');
    }
    this.asked.push(pairs.length);
    this.onBefriend();
    return super.befriend(pairs);
  }

  async friends(userId: string): Promise<string[]> {
    const { entries } = await this.list(userId);
    return entries.filter(({ relation }) => relation === 'friend').map(({ id }) => id);
  }
}

export interface Outcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A folder of its own, a file in it, and the command to import it. */
export class ImportSetting {
  readonly file: string;
  readonly graph = new ObservedGraph();
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
    this.file = join(folder, 'friends.txt');
  }

  static async open(): Promise<ImportSetting> {
    return new ImportSetting(await mkdtemp(join(tmpdir(), 'rollcall-import-')));
  }

  get checkpoint(): string {
    return `${this.file}.rollcall-progress`;
  }

  write(content: string | Uint8Array): Promise<void> {
    return writeFile(this.file, content);
  }

  async run(options: Partial<ImportOptions> = {}): Promise<Outcome> {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    const exitCode = await importFriends({
      file: this.file,
      graph: this.graph,
      target: 'here',
      strict: false,
      signal: new AbortController().signal,
      stdout,
      stderr,
      ...options,
    });
    return { exitCode, stdout: String(stdout.read() ?? ''), stderr: String(stderr.read() ?? '') };
  }

  async close(): Promise<void> {
    await this.graph.close();
    await rm(this.#folder, { recursive: true });
  }
}
