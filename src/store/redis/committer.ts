import { randomBytes } from 'node:crypto';
import { unavailable } from '../../errors.ts';
import {
  boundNodes,
  EMPTY_RECORD,
  type NodeId,
  type PresenceRecord,
  type Session,
  stamp,
  type UserId,
} from '../../presence/record.ts';
import { NEVER, type Revision } from '../../presence/time.ts';
import { replyFailure } from '../../redis/failure.ts';
import { type Partitions, toText } from '../../redis/partitions.ts';
import type { RedisConnection } from '../../redis/redis-connection.ts';
import { Script } from '../../redis/script.ts';
import type { Commit, CommitResult } from '../port.ts';
import { readRecord, writeRecord } from './record-text.ts';

/** Redis serves nobody else while a script runs: about 20 µs for each commit. */
const COMMITS_AT_ONCE = 64;

/** As the header of the commit script has it. */
type Outcome = readonly [1, number] | readonly [0, (string | null)?] | readonly [-1] | readonly [-2, string];
type Reply = readonly [timeMicros: number, outcomes: readonly Outcome[]];

interface Waiting {
  readonly commit: Commit;
  readonly resolve: (result: CommitResult) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Commits. Those that are asked for in one turn of the event loop, or on one server while others are under way, go out
 * together, because a call costs the client and the server more than what it does; each has its own outcome.
 */
export class Committer {
  readonly #connection: RedisConnection;
  readonly #partitions: Partitions;
  readonly #logSize: number;
  /** Begins a partition's history, should this process make its first commit. */
  readonly #epoch = randomBytes(9).toString('base64url');
  readonly #script = new Script(new URL('./lua/commit-n.lua', import.meta.url));
  #waiting: Waiting[] = [];
  /** They go out before the next turn of the event loop. */
  #scheduled = false;
  /** How many calls to the one server have not been answered; over a cluster none is counted. */
  #underWay = 0;

  constructor(connection: RedisConnection, partitions: Partitions, logSize: number) {
    this.#connection = connection;
    this.#partitions = partitions;
    this.#logSize = logSize;
  }

  /** Rejects UNAVAILABLE also when the record would be bound to a node that has been forgotten. */
  commit(commit: Commit): Promise<CommitResult> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ commit, resolve, reject });
      if (!this.#scheduled && this.#underWay === 0) this.#schedule();
    });
  }

  #schedule(): void {
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#sendAll();
    });
  }

  #sendAll(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    if (this.#connection.sharded) {
      // While a slot is on its way, a key that one commit removes cannot be made again by the next one of the same run.
      for (const one of waiting) void this.#send([one]);
      return;
    }
    for (let from = 0; from < waiting.length; from += COMMITS_AT_ONCE) {
      this.#underWay += 1;
      void this.#send(waiting.slice(from, from + COMMITS_AT_ONCE)).then(() => {
        this.#underWay -= 1;
        if (this.#underWay === 0 && !this.#scheduled && this.#waiting.length > 0) this.#schedule();
      });
    }
  }

  /** Never rejects: it settles those that wait. Where one server holds all partitions, they may be of different ones. */
  async #send(batch: readonly Waiting[]): Promise<void> {
    const keys: string[] = [];
    const { clock, sharded } = this.#connection;
    const args: (string | number)[] = [batch.length, sharded ? 'SPUBLISH' : 'PUBLISH', this.#epoch, this.#logSize];
    try {
      for (const { commit } of batch) {
        keys.push(this.#partitions.keyFor(this.#partitions.of(commit.userId), 'record', commit.userId));
        // Of several servers each has a clock of its own: no revision is earlier than the one that is followed.
        pushArguments(args, commit, sharded ? Math.floor(clock.now() * 1_000) : NEVER);
      }
      if (sharded) for (const { commit } of batch) keys.push(...this.#touched(commit));
      const sentAt = clock.monotonic();
      // What goes to a cluster one by one is gathered by the connection to each of its masters.
      const reply = sharded
        ? this.#script.run(this.#connection, keys, args)
        : this.#script.runAtOnce(this.#connection, keys, args);
      const [time, outcomes] = (await reply) as Reply;
      // Of several servers only one has the clock that is followed.
      if (!sharded) clock.sample(sentAt, time / 1_000);
      for (const [index, waiting] of batch.entries()) settle(waiting, outcomes[index]);
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }

  /** What a commit touches besides the record. */
  #touched({ userId, previous, record }: Commit): string[] {
    const partition = this.#partitions.of(userId);
    const nodes = new Set([...boundNodes(previous), ...boundNodes(record)]);
    return [
      ...['head', 'due', 'log', 'forgotten', 'bound'].map((kind) => this.#partitions.key(partition, kind)),
      ...[...nodes].map((node) => this.#partitions.keyFor(partition, 'members', node)),
    ];
  }
}

function pushArguments(
  args: (string | number)[],
  { userId, previous, record, wakeAt, visible }: Commit,
  atLeast: Revision,
): void {
  const bound = sameNodes(previous.sessions, record.sessions)
    ? null
    : ([boundNodes(previous), boundNodes(record)] as const);
  const joined = bound ? missingFrom(bound[0], bound[1]) : NOBODY;
  const left = bound ? missingFrom(bound[1], bound[0]) : NOBODY;
  args.push(
    `${previous.rev} ${wakeAt ?? 'none'} ${visible ? 1 : 0} ${joined.length} ${left.length}`,
    toText(userId),
    writeRecord(record, atLeast),
  );
  if (visible) args.push(JSON.stringify(userId));
  for (const node of joined) args.push(toText(node));
  for (const node of left) args.push(toText(node));
}

const NOBODY: readonly NodeId[] = [];

/** As with most heartbeats: session by session the same node. Where not, the nodes may be the same all the same. */
function sameNodes(before: readonly Session[], after: readonly Session[]): boolean {
  if (before.length !== after.length) return false;
  for (let index = 0; index < after.length; index++) {
    if (before[index]?.binding?.node !== after[index]?.binding?.node) return false;
  }
  return true;
}

function missingFrom(some: ReadonlySet<NodeId>, nodes: ReadonlySet<NodeId>): readonly NodeId[] {
  return nodes.size === 0 ? NOBODY : [...nodes].filter((node) => !some.has(node));
}

function settle({ commit: { userId, record }, resolve, reject }: Waiting, outcome: Outcome | undefined): void {
  switch (outcome?.[0]) {
    case 1:
      resolve({ committed: true, record: stamp(record, outcome[1]) });
      return;
    case 0:
      try {
        resolve({ committed: false, record: readCurrent(userId, outcome[1]) });
      } catch (error) {
        reject(error);
      }
      return;
    case -1:
      reject(unavailable('This node has lost its lease; try again.'));
      return;
    case -2:
      reject(replyFailure(outcome[1]));
      return;
    case undefined:
      reject(new Error('A commit got no answer.'));
      return;
    default:
      outcome satisfies never;
  }
}

function readCurrent(userId: UserId, text: string | null | undefined): PresenceRecord {
  if (typeof text !== 'string') return EMPTY_RECORD;
  try {
    return readRecord(text);
  } catch (error) {
    throw new Error(`The stored record of user ${JSON.stringify(userId)} cannot be read.`, { cause: error });
  }
}
