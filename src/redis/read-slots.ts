import type { Redis } from 'ioredis';
import type { Millis } from '../presence/time.ts';
import { parseSlots, type SlotMap } from './slot-map.ts';
import { within } from './within.ts';

/** How long the answer is waited for. */
const ANSWER_MS: Millis = 2_000;

export interface SlotsAnswer {
  readonly slots: SlotMap;
  /** Whoever gave it can use the cluster. */
  readonly usable: boolean;
}

/** Asks a node of a cluster where the slots are. Null where it does not answer; never rejects. */
export async function readSlots(
  redis: Redis,
  failed: (error: unknown) => void = () => {},
): Promise<SlotsAnswer | null> {
  const answer = Promise.all([redis.cluster('SLOTS'), redis.cluster('INFO')]).then(
    ([slots, info]) => ({
      slots: parseSlots(slots, redis.options.host ?? ''),
      usable: String(info).includes('cluster_state:ok'),
    }),
    (error: unknown) => {
      failed(error);
      return null;
    },
  );
  return within(ANSWER_MS, answer, null);
}
