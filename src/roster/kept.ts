import type { Audience, ClientKind, CustomStatus, PresenceRecord } from '../presence/record.ts';
import { sameCustomStatus } from '../presence/record.ts';
import { NEVER } from '../presence/time.ts';

const NONE: readonly never[] = [];
const NOBODY: PresenceRecord['apart'] = {};
const ALONE: Readonly<Record<ClientKind, readonly ClientKind[]>> = {
  WEB: ['WEB'],
  DESKTOP: ['DESKTOP'],
  MOBILE: ['MOBILE'],
  OTHER: ['OTHER'],
};

/**
 * What a node keeps of the record of somebody who is watched: what others are shown, and what the user has chosen. It takes
 * half of the memory, and as much more as there are sessions: those are left out, and what is the same in many records
 * is shared.
 */
export function kept(record: PresenceRecord): PresenceRecord {
  if (record.rev === NEVER) return record;
  return {
    ...record,
    sessions: NONE,
    ended: NONE,
    overrides: record.overrides.length === 0 ? NONE : record.overrides,
    everyone: keptAudience(record.everyone, record.customStatus),
    apart: isAnyone(record.apart) ? record.apart : NOBODY,
  };
}

/** Whether some viewers see something else than everyone. */
export function isAnyone(apart: PresenceRecord['apart']): boolean {
  for (const _ in apart) return true;
  return false;
}

function keptAudience(audience: Audience, customStatus: CustomStatus | null): Audience {
  const { view } = audience;
  const [first] = view.clients;
  const clients = view.clients.length > 1 ? view.clients : first === undefined ? NONE : ALONE[first];
  const shared = sameCustomStatus(view.customStatus, customStatus) ? customStatus : view.customStatus;
  return { ...audience, view: { ...view, clients, customStatus: shared } };
}
