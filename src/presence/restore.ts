import { derive } from './derive.ts';
import { type Audience, audienceOf, type PresenceRecord, type UserId } from './record.ts';
import { conceals } from './settle.ts';
import { NEVER, type Revision, UNCOMMITTED } from './time.ts';

/** When the user last chose something: whom to hide from, an override, the custom status. */
export function chosenAt(record: PresenceRecord): Revision {
  return record.chosen?.rev ?? NEVER;
}

/**
 * `record`, as a store has it that may have lost writes, with what its user has chosen by `known`, which was committed once.
 * The same object where the store knows of that choice, or of a later one. Sessions stay as they are: who holds them says
 * so. Its revision is beyond both, so that nobody takes what comes for older than what was told.
 */
export function restore(record: PresenceRecord, known: PresenceRecord): PresenceRecord {
  if (known.chosen === undefined || chosenAt(known) <= chosenAt(record)) return record;
  const derived = derive(known);
  const bringBack = (now: Audience, then: Audience, hidden: boolean): Audience => {
    if (!conceals(known, then, derived)) return now.hidden === hidden ? now : { ...now, hidden };
    // It has stood still since, unless this audience has been shown something newer.
    if (now.view.rev !== NEVER && now.view.rev <= then.view.rev) return { ...then, hidden };
    if (now.view.rev !== NEVER) return { ...now, hidden };
    // Of those who are gone, no more is left than what they had to say either.
    const { customStatus } = then.view;
    return { ...now, hidden, view: customStatus === null ? now.view : { ...now.view, rev: UNCOMMITTED, customStatus } };
  };
  const apart: [UserId, Audience][] = [];
  for (const viewer of new Set([...Object.keys(record.apart), ...Object.keys(known.apart)])) {
    const hidden = Object.hasOwn(known.apart, viewer) && audienceOf(known, viewer).hidden;
    if (!hidden && !Object.hasOwn(record.apart, viewer)) continue;
    apart.push([viewer, bringBack(audienceOf(record, viewer), audienceOf(known, viewer), hidden)]);
  }
  return {
    ...record,
    rev: Math.max(record.rev, known.rev),
    overrides: known.overrides,
    customStatus: known.customStatus,
    chosen: known.chosen,
    everyone: bringBack(record.everyone, known.everyone, known.everyone.hidden),
    apart: Object.fromEntries(apart),
  };
}
