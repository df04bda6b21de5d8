import { isUnavailable } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { PresenceRecord, UserId } from '../presence/record.ts';
import type { Person } from './person.ts';

/**
 * Brings back into the store what the user has chosen by `known`, where it has lost that. Resolves with the record as it
 * stands then; rejects UNAVAILABLE where the store is out of reach.
 */
export type Restore = (userId: UserId, known: PresenceRecord) => Promise<PresenceRecord>;

/** How long to wait before asking again the store that could not be reached. */
const RETRY_MS = 250;

/**
 * Choices that are known here and that the store has lost. Who has hidden by one stays hidden: what is known is shown until
 * the store knows it again.
 */
export class LostChoices {
  readonly #restore: Restore;
  readonly #log: Logger;
  readonly #restored: (person: Person, before: PresenceRecord, record: PresenceRecord) => void;
  #closed = false;

  /** `restored` is told what the store holds again, and what of it had been known. */
  constructor(
    restore: Restore,
    log: Logger,
    restored: (person: Person, before: PresenceRecord, record: PresenceRecord) => void,
  ) {
    this.#restore = restore;
    this.#log = log;
    this.#restored = restored;
  }

  /** Those of this person, for as long as it takes. Never rejects; asking again meanwhile changes nothing. */
  async bringBack(person: Person): Promise<void> {
    if (person.restoring) return;
    person.restoring = true;
    try {
      // Also where nobody watches them any more by now: the friend list may be lost as well.
      while (!this.#closed && person.record !== null) {
        try {
          const before = person.record;
          this.#restored(person, before, await this.#restore(person.id, before));
          return;
        } catch (error) {
          if (!isUnavailable(error)) throw error;
          await new Promise((resolve) => setTimeout(resolve, RETRY_MS).unref());
        }
      }
    } catch (error) {
      this.#log.error({ err: error, userId: person.id }, 'what the store has lost of a user cannot be brought back');
    } finally {
      person.restoring = false;
    }
  }

  close(): void {
    this.#closed = true;
  }
}
