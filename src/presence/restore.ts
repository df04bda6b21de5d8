import { derive } from './derive.ts';
import { type Audience, audienceOf, type Choice, type PresenceRecord, type UserId } from './record.ts';
import { conceals } from './settle.ts';
import { NEVER, UNCOMMITTED } from './time.ts';

const CHOICES: readonly Choice[] = ['visibility', 'overrides', 'customStatus'];

/** Whether the user has chosen something by `known` that `record`, of a store that may have lost writes, is not of yet. */
export function lacks(record: PresenceRecord, known: PresenceRecord): boolean {
  return CHOICES.some((choice) => isLater(choice, known, record));
}

/** Whether the choice of this kind is a later one by `a` than by `b`. */
function isLater(choice: Choice, a: PresenceRecord, b: PresenceRecord): boolean {
  return (a.chosen?.[choice]?.rev ?? NEVER) > (b.chosen?.[choice]?.rev ?? NEVER);
}

/**
 * `record`, as a store has it that may have lost writes, with what its user has chosen by `known`, which was committed
 * once: of each kind the later choice. The same object where that is nothing new. Sessions stay as they are: who holds them
 * says so. Its revision is beyond both, so that nobody takes what comes for older than what was told.
 */
export function restore(record: PresenceRecord, known: PresenceRecord): PresenceRecord {
  if (record === known) return record;
  const lost = CHOICES.filter((choice) => isLater(choice, known, record));
  if (lost.length === 0) return record;
  const from = (choice: Choice): PresenceRecord => (lost.includes(choice) ? known : record);
  const hiding = from('visibility');
  const whole: PresenceRecord = {
    ...record,
    rev: Math.max(record.rev, known.rev),
    overrides: from('overrides').overrides,
    customStatus: from('customStatus').customStatus,
    chosen: { ...record.chosen, ...Object.fromEntries(lost.map((choice) => [choice, known.chosen?.[choice]])) },
    everyone: { ...record.everyone, hidden: hiding.everyone.hidden },
  };
  const [derived, derivedThen, derivedNow] = [derive(whole), derive(known), derive(record)];
  const bringBack = (now: Audience, then: Audience, hidden: boolean): Audience => {
    const audience = now.hidden === hidden ? now : { ...now, hidden };
    if (!conceals(known, then, derivedThen) || !conceals(whole, audience, derived)) return audience;
    const frozen = now.view.rev !== NEVER && now.view.rev <= then.view.rev;
    // It has stood still since, unless this audience has been shown something newer.
    if (frozen) return { ...then, hidden };
    // Of that, as of those who are gone and lost, no more is left to be told than what they had to say before.
    const { customStatus } = then.view;
    if (now.view.rev !== NEVER ? conceals(record, now, derivedNow) : customStatus === null) return audience;
    return { ...audience, view: { ...now.view, rev: UNCOMMITTED, customStatus } };
  };
  const apart: [UserId, Audience][] = [];
  for (const viewer of new Set([...Object.keys(record.apart), ...Object.keys(known.apart)])) {
    const hidden = Object.hasOwn(hiding.apart, viewer) && audienceOf(hiding, viewer).hidden;
    apart.push([viewer, bringBack(audienceOf(record, viewer), audienceOf(known, viewer), hidden)]);
  }
  const everyone = bringBack(record.everyone, known.everyone, whole.everyone.hidden);
  return { ...whole, everyone, apart: Object.fromEntries(apart) };
}
