import { badInput, unavailable } from '../errors.ts';
import type { Logger } from '../log.ts';
import { type Explanation, explain } from '../presence/explain.ts';
import type { PresenceRecord, Session, UserId } from '../presence/record.ts';
import type { Rules } from '../presence/rules.ts';
import type { Millis } from '../presence/time.ts';
import type { LeaseTerms, PresenceStore } from '../store/port.ts';
import type {
  Caller,
  CustomStatusInput,
  HeartbeatInput,
  HeartbeatResult,
  OverrideInput,
  VisibilityInput,
} from './api.ts';
import { Connections, type HeldSession } from './connections.ts';
import { Deadlines } from './deadlines.ts';
import { checkId, checkIds, checkText } from './input.ts';
import { Keeper } from './keeper.ts';
import { NodeLease } from './node-lease.ts';
import { Reaper } from './reaper.ts';
import { Records } from './records.ts';
import { rulesOf, type ServiceSettings, textOf } from './settings.ts';

const MAX_SOURCE_LENGTH = 64;
const MAX_STATUS_TEXT = 280;
const MAX_EMOJI = 64;
/** How long to wait before telling the store again of a closed connection that it could not be told of. */
const RETRY_MS = 500;
/** When the store is back every node has tried again within this time. */
const RECONNECT_MS = 2_000;

/** What users and their clients do with their own presence, and the upkeep that time and dead nodes ask for. */
export class Presence {
  readonly records: Records;
  readonly #store: PresenceStore;
  readonly #settings: ServiceSettings;
  readonly #rules: Rules;
  readonly #log: Logger;
  readonly #connections = new Connections();
  readonly #deadlines: Deadlines;
  readonly #lease: NodeLease;
  readonly #reaper: Reaper;
  readonly #keeper: Keeper;
  readonly #terms: LeaseTerms;
  readonly #goodbyes = new Set<Promise<void>>();
  #lineage: string | null = null;
  #mending: Promise<void> = Promise.resolve();
  /** No lease counts as run out before then. */
  #heldUntil: Millis = 0;
  /** Nor, before then, one that this node did not see run out: it may be the first to run for a while. */
  #startedUntil: Millis = 0;
  #closed = false;

  constructor(store: PresenceStore, settings: ServiceSettings, log: Logger) {
    this.#store = store;
    this.#settings = settings;
    this.#rules = rulesOf(settings);
    this.#log = log;
    this.records = new Records(store, this.#rules, {
      mayCommit: () => this.#lease.standing(),
      sparedUntil: (now, { type }) => {
        if (!this.#mayJudge) return now + this.#holdMs;
        // What a new node has been told itself, or finds that it must do, ends in time.
        return type === 'tick' ? this.#heldUntil : Math.max(this.#heldUntil, this.#startedUntil);
      },
      committed: (userId, wakeAt) => this.#deadlines.note(userId, wakeAt),
    });
    const { nodeLeaseMs, heartbeatToleranceMs } = settings;
    const renewMs = Math.min(nodeLeaseMs / 3, heartbeatToleranceMs);
    this.#terms = { ms: nodeLeaseMs, settings: textOf(settings) };
    this.#lease = new NodeLease(store, this.#terms, renewMs, log, {
      renamed: () => {
        // A lease that is unknown may not be the only one that the store has lost.
        this.#mend();
        void this.#keeper.reconcile();
      },
      reached: (silentMs) => this.#reached(silentMs),
    });
    const mayJudge = (): boolean => this.#mayJudge;
    this.#deadlines = new Deadlines(store, log, {
      mayJudge,
      fire: (userId) => this.records.apply(userId, { type: 'tick' }),
      reschedule: (userId) => this.records.reschedule(userId),
    });
    this.#reaper = new Reaper(store, nodeLeaseMs, log, mayJudge, (userId, lost) =>
      this.records.apply(userId, { type: 'nodeLost', ...lost }),
    );
    this.#keeper = new Keeper({
      store,
      connections: this.#connections,
      lease: this.#lease,
      apply: (userId, command) => this.records.apply(userId, command),
      log,
    });
  }

  async start(): Promise<void> {
    await this.#lease.start();
    this.#deadlines.start();
    this.#reaper.start();
  }

  /** Lets go of what open connections keep alive, then of the node's lease. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#connections.ids().map((connection) => this.connectionClosed(connection)));
    await Promise.all(this.#goodbyes);
    this.#deadlines.close();
    this.#reaper.close();
    this.#keeper.close();
    await this.#lease.close();
  }

  /** Whether the store has lately taken a write of this node: its lease, which is renewed all the time. */
  get canWrite(): boolean {
    return this.#lease.current;
  }

  explain(record: PresenceRecord): Explanation {
    return explain(record, this.#rules);
  }

  async heartbeat({ userId, connection }: Caller, input: HeartbeatInput): Promise<HeartbeatResult> {
    checkId('sessionId', input.sessionId);
    const bind = input.bindToConnection && connection !== null;
    const taken = bind ? this.#lease.taken() : null;
    // Not without need: what is said next over this connection must not come before it.
    if (taken) await taken;
    // From here on the goodbye of a connection that closes stands behind this heartbeat, whatever becomes of its answer.
    const connectedMs = bind ? this.#connections.claim(connection, userId) : null;
    const bound = connection !== null && connectedMs !== null;
    const record = await this.records.apply(userId, {
      type: 'heartbeat',
      sessionId: input.sessionId,
      client: input.client,
      activity: input.activity,
      ...(bound ? { binding: { node: this.#lease.node, connection }, connectedMs } : { binding: null }),
    });
    const session = record.sessions.find(({ id }) => id === input.sessionId) as Session;
    if (session.binding) this.#hold({ userId, connection: session.binding.connection, session });
    return { session, record, nextHeartbeatMs: session.binding ? null : this.#settings.heartbeatIntervalMs };
  }

  async endSession(caller: Caller, sessionId: string): Promise<PresenceRecord> {
    checkId('sessionId', sessionId);
    // Before, so that nobody says meanwhile that it is held; and after, because a heartbeat may have been under way.
    this.#connections.letGo(caller.userId, sessionId);
    try {
      return await this.records.apply(caller.userId, { type: 'endSession', sessionId });
    } finally {
      this.#connections.letGo(caller.userId, sessionId);
    }
  }

  async setOverride(caller: Caller, input: OverrideInput): Promise<PresenceRecord> {
    checkText('source', input.source, MAX_SOURCE_LENGTH);
    return this.records.apply(caller.userId, { type: 'setOverride', ...input });
  }

  async clearOverride(caller: Caller, source: string): Promise<PresenceRecord> {
    checkText('source', source, MAX_SOURCE_LENGTH);
    return this.records.apply(caller.userId, { type: 'clearOverride', source });
  }

  async setCustomStatus(caller: Caller, input: CustomStatusInput): Promise<PresenceRecord> {
    checkText('text', input.text, MAX_STATUS_TEXT);
    checkText('emoji', input.emoji, MAX_EMOJI);
    return this.records.apply(caller.userId, { type: 'setCustomStatus', ...input });
  }

  async setVisibility(caller: Caller, input: VisibilityInput): Promise<PresenceRecord> {
    checkIds('hideFrom', input.hideFrom);
    if (input.hideFrom.includes(caller.userId)) throw badInput('hideFrom', 'hideFrom must not hold yourself.');
    checkIds('showTo', input.showTo);
    return this.records.apply(caller.userId, { type: 'setVisibility', ...input });
  }

  connectionOpened(connection: string): void {
    this.#connections.opened(connection);
  }

  /** Resolves when what the connection kept alive has begun its grace. Never rejects. */
  async connectionClosed(connection: string): Promise<void> {
    const userId = this.#connections.closed(connection);
    if (userId === null) return;
    const goodbye = this.#sayGoodbye(userId, connection);
    this.#goodbyes.add(goodbye);
    await goodbye;
    this.#goodbyes.delete(goodbye);
  }

  /** Tells the store until it has heard: an unheard goodbye would be a ghost for as long as this node lives. */
  async #sayGoodbye(userId: UserId, connection: string): Promise<void> {
    for (;;) {
      try {
        // Nobody waits for it: the lease is not renewed sooner on its behalf, which would move the times of everybody here.
        if (!this.#lease.stands) throw unavailable('This node has to find the store again first.');
        for (const node of this.#lease.incarnations) {
          await this.records.apply(userId, { type: 'disconnect', binding: { node, connection } });
        }
        return;
      } catch (error) {
        this.#log.debug({ err: error }, 'a closed connection could not be made known; trying on');
        // Closing down: the node's lease runs out, and with it what this connection kept.
        if (this.#closed) return;
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS).unref());
      }
    }
  }

  #hold(held: HeldSession): void {
    const node = held.session.binding?.node ?? '';
    if (!this.#lease.incarnations.includes(node)) return;
    // It may have closed while the heartbeat was on its way to the store: then its goodbye is on its way as well.
    if (!this.#connections.isOpen(held.connection)) return;
    this.#connections.hold(held);
    // The lease was lost meanwhile, and with it the name.
    if (node !== this.#lease.node) void this.#keeper.reconcile();
  }

  /**
   * Whether this node knows enough to take somebody for gone. Not while a part of the store is away; nor after something in
   * it was replaced, which may not know of all who were heard, until that is reckoned with.
   */
  get #mayJudge(): boolean {
    return this.#lease.inTouch && this.#store.whole() && this.#store.lineage() === this.#lineage;
  }

  #reached(silentMs: Millis | null): void {
    const lineage = this.#store.lineage();
    const replaced = this.#lineage !== null && this.#lineage !== lineage;
    this.#lineage = lineage;
    if (silentMs === null && !replaced) return;
    if (silentMs === Number.POSITIVE_INFINITY) void this.#compareSettings();
    if (replaced || silentMs === Number.POSITIVE_INFINITY) this.#mend();
    this.#holdAfter(silentMs ?? 0);
    void this.#keeper.reconcile();
  }

  #mend(): void {
    this.#mending = this.#mending.then(() => this.#restore());
  }

  /** Brings back what the store may have lost and what is known of it, until it has heard. Never rejects. */
  async #restore(): Promise<void> {
    while (!this.#closed) {
      try {
        const nodes = await this.#store.leases.adopt(this.#terms);
        if (nodes > 0)
          this.#log.warn({ nodes }, 'nodes that the store had forgotten are given time to renew their lease');
        await this.records.restoreAll();
        return;
      } catch (error) {
        this.#log.debug({ err: error }, 'what the store may have lost could not be brought back; trying on');
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS).unref());
      }
    }
  }

  /** Says once, at the start, where other nodes go by other settings: it works, but hardly anybody means it for long. */
  async #compareSettings(): Promise<void> {
    const here = textOf(this.#settings);
    try {
      const there = (await this.#store.leases.settings()).filter((text) => text !== here);
      if (there.length > 0) this.#log.warn({ here, there }, 'other nodes run with other settings');
    } catch (error) {
      this.#log.debug({ err: error }, 'the settings of other nodes could not be read');
    }
  }

  get #holdMs(): Millis {
    return this.#rules.leaseMs + RECONNECT_MS;
  }

  /** Clients that could not be heard are given one lease to be heard, nodes time to come back, before anybody is missed. */
  #holdAfter(silentMs: Millis): void {
    const now = this.#store.clock.now();
    this.#reaper.countFrom(now);
    if (silentMs === Number.POSITIVE_INFINITY) {
      this.#startedUntil = now + this.#rules.leaseMs;
      this.#deadlines.sweepFrom(this.#startedUntil);
      return;
    }
    this.#heldUntil = now + this.#holdMs;
    this.#deadlines.holdUntil(this.#heldUntil);
    this.#reaper.holdUntil(now + Math.max(this.#settings.nodeLeaseMs, RECONNECT_MS));
    this.#log.warn(
      { silentMs: Math.round(silentMs) },
      'the store is back; nobody goes offline before all could be heard',
    );
  }
}
