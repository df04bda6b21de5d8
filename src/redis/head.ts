import type { Millis, Revision } from '../presence/time.ts';

/**
 * Where a partition stands. One short string, so that those of all partitions are read by one MGET and a commit changes
 * its own by one SET: `revision seq epoch floor deadline`.
 */
export interface Head {
  /** Of the newest commit in the partition, published or not. */
  readonly rev: Revision;
  /** How many changes have been published in this epoch. */
  readonly seq: number;
  /** Made up at random with the partition's first commit: another one means other data. */
  readonly epoch: string;
  /** The change log holds every user of whom a change was published after this sequence. */
  readonly floor: number;
  /** No deadline in the partition is earlier; Number.MAX_SAFE_INTEGER where there is none. */
  readonly deadline: Millis;
}

/** Of a partition in which nothing was ever committed. */
export const NO_HEAD: Head = { rev: 0, seq: 0, epoch: '', floor: 0, deadline: Number.MAX_SAFE_INTEGER };

const FORMAT = /^(\d+) (\d+) (\S+) (\d+) (\S+)$/;

/** Throws for text that no script of ours can have written. */
export function parseHead(text: string | null): Head {
  if (text === null || text === '') return NO_HEAD;
  const [, rev, seq, epoch, floor, deadline] = FORMAT.exec(text) ?? [];
  if (epoch === undefined) throw new Error('The head of a partition cannot be read.');
  return { rev: Number(rev), seq: Number(seq), epoch, floor: Number(floor), deadline: Number(deadline) };
}
