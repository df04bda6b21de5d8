import { badInput } from '../errors.ts';
import type { UserId } from '../presence/record.ts';
import { MAX_ID_LENGTH, MAX_IDS, MAX_PAGE, type PageArguments } from './api.ts';

/** A lone surrogate has no UTF-8 form: two different ids could become one on their way to the store. */
const LONE_SURROGATE = /\p{Surrogate}/u;

export function checkId(argument: string, id: string): void {
  if (id.length === 0) throw badInput(argument, `${argument} must not be empty.`);
  if (id.length > MAX_ID_LENGTH)
    throw badInput(argument, `${argument} must be at most ${MAX_ID_LENGTH} characters long.`);
  if (LONE_SURROGATE.test(id)) throw badInput(argument, `${argument} must be well-formed Unicode.`);
}

export function checkIds(argument: string, ids: readonly UserId[], most: number = MAX_IDS): void {
  if (ids.length > most) throw badInput(argument, `${argument} may hold at most ${most} ids, not ${ids.length}.`);
  for (const id of ids) {
    if (id.length === 0) throw badInput(argument, `${argument} must not hold an empty id.`);
    checkId(argument, id);
  }
}

export function checkText(argument: string, text: string | null, most: number): void {
  if (text === null) return;
  if (text.length === 0) throw badInput(argument, `${argument} must not be empty; leave it out instead.`);
  if (text.length > most) throw badInput(argument, `${argument} must be at most ${most} characters long.`);
  if (LONE_SURROGATE.test(text)) throw badInput(argument, `${argument} must be well-formed Unicode.`);
}

export function checkWithin(argument: string, value: number, least: number, most: number): void {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw badInput(argument, `${argument} must be a whole number from ${least} to ${most}.`);
  }
}

export function checkPage(page: PageArguments): void {
  checkWithin('first', page.first, 0, MAX_PAGE);
}
