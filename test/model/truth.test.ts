import { expect, test } from 'vitest';
import { EMPTY_RECORD, type PresenceRecord, type View } from '../../src/presence/record.ts';
import type { Millis } from '../../src/presence/time.ts';
import { ModelTruth } from '../support/model-truth.ts';

/** What a model holds against the rules, and what it cannot know. */
const SHOW = { said: 'visibility', invisible: false, hideFrom: [], showTo: [] } as const;
const HIDE = { ...SHOW, invisible: true } as const;
const AWAY = { said: 'override', source: 'user', status: 'AWAY', priority: 0, expiresAt: null } as const;
const LUNCH = { said: 'custom', text: 'lunch', expiresAt: null } as const;

function at(ms: Millis): PresenceRecord {
  return { ...EMPTY_RECORD, rev: ms * 1_000 };
}

function shown(ms: Millis, over: Partial<View> = {}): View {
  return { ...EMPTY_RECORD.everyone.view, rev: ms * 1_000, ...over };
}

test('rule 7.2: who came out of hiding by an ask whose first answer was lost may be shown from then on', () => {
  const truth = new ModelTruth(['ada', 'bob']);
  truth.answered('bob', HIDE, at(1_000), 1_000);
  // Asked first, answered last.
  truth.answered('bob', AWAY, at(3_001), 3_000);
  truth.answered('bob', SHOW, at(3_002), 2_000);
  expect(truth.judge('ada', 'bob', shown(2_001, { status: 'ONLINE' }))).toBeNull();
  expect(truth.judge('ada', 'bob', shown(1_500, { status: 'ONLINE' }))).toBe('is shown, but hides: rule 7.2');
});

test('rule 7.3: a text that was set by an ask whose first answer was lost may be what was shown before hiding', () => {
  const truth = new ModelTruth(['ada', 'bob']);
  truth.answered('bob', HIDE, at(2_000), 2_000);
  truth.answered('bob', LUNCH, at(2_001), 1_000);
  const text = (text: string): Partial<View> => ({ customStatus: { text, emoji: null, expiresAt: null } });
  expect(truth.judge('ada', 'bob', shown(2_000, text('lunch')))).toBeNull();
  expect(truth.judge('ada', 'bob', shown(2_000, text('tea')))).toBe('tells a hidden text: rule 7.3');
  truth.answered('bob', { ...LUNCH, text: 'tea' }, at(3_000), 3_000);
  expect(truth.judge('ada', 'bob', shown(2_000, text('tea')))).toBe('tells a hidden text: rule 7.3');
});
