import { RollcallError } from '../errors.ts';
import type { Caller, Rollcall } from '../service/api.ts';

/** What every resolver is given. One object for each operation: what is batched is batched within one of them. */
export interface GraphQLContext {
  readonly rollcall: Rollcall;
  /** Null when nobody has signed in. A bad token never gets here: the server refuses it before it executes anything. */
  readonly caller: Caller | null;
}

/** Throws RollcallError UNAUTHENTICATED when nobody has signed in. */
export function requireCaller(context: GraphQLContext): Caller {
  if (context.caller !== null) return context.caller;
  throw new RollcallError(
    'UNAUTHENTICATED',
    'Sign in: send an Authorization header, or a connection parameter `authorization`, with a bearer token.',
  );
}
