import type { Command } from '../../src/presence/command.ts';
import type { Binding, Session } from '../../src/presence/record.ts';
import type { Millis } from '../../src/presence/time.ts';

type Of<T extends Command['type']> = Extract<Command, { readonly type: T }>;
type Given<T extends Command['type']> = Partial<Omit<Of<T>, 'type'>>;

/** Commands with everything that a test does not speak of filled in. */
export function heartbeat(sessionId: string, given: Given<'heartbeat'> = {}): Of<'heartbeat'> {
  return { type: 'heartbeat', sessionId, client: 'WEB', activity: 'ACTIVE', binding: null, ...given };
}

export function reassert(id: string, binding: Binding, held: Partial<Session> = {}): Of<'reassert'> {
  const session: Session = {
    id,
    client: 'WEB',
    activity: 'ACTIVE',
    lastActiveAt: 0,
    expiresAt: null,
    binding,
    ...held,
  };
  return { type: 'reassert', session, binding };
}

export function disconnect(binding: Binding): Of<'disconnect'> {
  return { type: 'disconnect', binding };
}

export function nodeLost(node: string, renewedAt: Millis): Of<'nodeLost'> {
  return { type: 'nodeLost', node, renewedAt };
}

export function endSession(sessionId: string): Of<'endSession'> {
  return { type: 'endSession', sessionId };
}

export function override(status: Of<'setOverride'>['status'], given: Given<'setOverride'> = {}): Of<'setOverride'> {
  return { type: 'setOverride', source: 'user', status, priority: 0, expiresAt: null, ...given };
}

export function clearOverride(source = 'user'): Of<'clearOverride'> {
  return { type: 'clearOverride', source };
}

export function customStatus(text: string | null, expiresAt: Millis | null = null): Of<'setCustomStatus'> {
  return { type: 'setCustomStatus', text, emoji: null, expiresAt };
}

export function visibility(given: Given<'setVisibility'>): Of<'setVisibility'> {
  return { type: 'setVisibility', invisible: null, hideFrom: [], showTo: [], ...given };
}

export const TICK: Of<'tick'> = { type: 'tick' };

export const INVISIBLE = visibility({ invisible: true });
export const NOT_INVISIBLE = visibility({ invisible: false });

export function hideFrom(...viewers: string[]): Of<'setVisibility'> {
  return visibility({ hideFrom: viewers });
}

export function showTo(...viewers: string[]): Of<'setVisibility'> {
  return visibility({ showTo: viewers });
}
