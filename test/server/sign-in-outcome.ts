import { RollcallError } from '../../src/errors.ts';
import type { Identity } from '../../src/server/auth.ts';

/** The user id of who has signed in, or `CODE: sentence`. */
export async function outcomeOf(authenticated: Promise<Identity>): Promise<string> {
  try {
    return (await authenticated).userId;
  } catch (error) {
    if (error instanceof RollcallError) return `${error.code}: ${error.message}`;
    throw error;
  }
}
