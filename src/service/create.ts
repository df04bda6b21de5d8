import type { FriendGraph } from '../friends/port.ts';
import type { Logger } from '../log.ts';
import type { PresenceRecord } from '../presence/record.ts';
import { Hub } from '../roster/hub.ts';
import type { RosterOptions } from '../roster/update.ts';
import type { PresenceStore } from '../store/port.ts';
import { MAX_COALESCE_MS, type Rollcall } from './api.ts';
import { checkIds, checkWithin } from './input.ts';
import { Presence } from './presence.ts';
import type { ServiceSettings } from './settings.ts';
import { Social } from './social.ts';

export interface RollcallParts {
  /** Opened by the caller, who also closes them, after the service. */
  readonly store: PresenceStore;
  readonly friends: FriendGraph;
  readonly settings: ServiceSettings;
  readonly log: Logger;
}

export interface RunningRollcall extends Rollcall {
  /** Idempotent. Ends all streams, lets go of all bound sessions with their grace, gives the node's lease back. */
  close(): Promise<void>;
}

/** The service over its ports. It runs from now on: its lease is renewed, deadlines are kept, dead nodes are noticed. */
export async function createRollcall(parts: RollcallParts): Promise<RunningRollcall> {
  const { store, friends, settings, log } = parts;
  const presence = new Presence(store, settings, log);
  const records = presence.records;
  const social = new Social(friends, (userIds) => records.loadAll(userIds));
  const hub = new Hub(store, friends, log, records);
  const record = (userId: string): Promise<PresenceRecord> => records.load(userId);
  let closing: Promise<void> | null = null;
  await presence.start();

  return {
    record,
    explain: (of) => presence.explain(of),
    see: (viewer, ids) => social.see(viewer, ids),
    friends: (viewer, page, statuses) => social.friends(viewer, page, statuses),
    friendRequests: (viewer, page) => social.requests(viewer, page),
    blocked: (viewer, page) => social.blocked(viewer, page),

    heartbeat: (caller, input) => presence.heartbeat(caller, input),
    endSession: (caller, sessionId) => presence.endSession(caller, sessionId),
    setOverride: (caller, input) => presence.setOverride(caller, input),
    clearOverride: (caller, source) => presence.clearOverride(caller, source),
    setCustomStatus: (caller, input) => presence.setCustomStatus(caller, input),
    setVisibility: (caller, input) => presence.setVisibility(caller, input),

    addFriend: (caller, userId) => social.relate(caller, userId, 'add'),
    removeFriend: (caller, userId) => social.relate(caller, userId, 'remove'),
    blockUser: (caller, userId) => social.relate(caller, userId, 'block'),
    unblockUser: (caller, userId) => social.relate(caller, userId, 'unblock'),
    syncFriends: (caller, userId, friendIds) => social.sync(caller, userId, friendIds),

    watchRoster: async (viewer, options) => {
      checkRosterOptions(options);
      return hub.watchRoster(viewer, options);
    },
    watchViewer: (viewer) => hub.watchViewer(viewer, () => record(viewer)),

    connectionOpened: (connection) => presence.connectionOpened(connection),
    connectionClosed: (connection) => presence.connectionClosed(connection),
    ready: () => store.ready() && presence.canWrite,
    close: () => {
      closing ??= hub.close().then(() => presence.close());
      return closing;
    },
  };
}

function checkRosterOptions(options: RosterOptions): void {
  if (options.only !== null) checkIds('userIds', [...options.only]);
  checkWithin('coalesceMs', options.coalesceMs, 0, MAX_COALESCE_MS);
}
