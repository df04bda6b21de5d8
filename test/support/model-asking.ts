import { RollcallError } from '../../src/errors.ts';
import type { PresenceRecord } from '../../src/presence/record.ts';
import type { Millis } from '../../src/presence/time.ts';
import type { Caller } from '../../src/service/api.ts';
import type { RunningRollcall } from '../../src/service/create.ts';
import { type Connection, Device, type ModelNode } from './model-devices.ts';
import type { Scene } from './model-plant.ts';
import { type Asking, KINDS, PEOPLE } from './model-steps.ts';
import type { Said } from './model-truth.ts';

/** How long it takes to come back. */
const RECONNECT_MS: Millis = 60;

/** All who say something of themselves: people and their devices. What they are answered goes into the truth. */
export class Asks {
  readonly #scene: Scene;
  readonly #devices = PEOPLE.map((user) =>
    KINDS.map((client, index) => new Device(user, ['tab', '__proto__'][index] ?? '', client)),
  );
  /** Connections that nobody uses any more and nobody has closed. */
  readonly #left: Connection[] = [];
  #befriending: Promise<unknown> = Promise.resolve();
  #connections = 0;

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  get devices(): readonly Device[] {
    return this.#devices.flat();
  }

  /** The connection of a device closes. */
  drop(user: number, device: number): void {
    this.#hangUp(this.#device(user, device));
  }

  closeLeft(): void {
    for (const connection of this.#left.splice(0)) this.#close(connection, null);
  }

  #hangUp(device: Device): void {
    if (device.connection) this.#close(device.connection, device);
    device.connection = null;
  }

  #device(user: number, device: number): Device {
    const found = this.#devices[user]?.[device];
    if (!found) throw new Error('There is no such device.');
    return found;
  }

  #close(connection: Connection, device: Device | null): void {
    if (!connection.open) return;
    connection.open = false;
    device?.shelterEnds(this.#scene.plant.now() + this.#scene.options.settings.disconnectGraceMs);
    if (connection.node.alive) this.#scene.inBackground(connection.node.rollcall.connectionClosed(connection.id));
  }

  /** Resolves when it has been answered, however often it has to be asked. */
  async ask({ user: index, via, what }: Asking): Promise<void> {
    const user = PEOPLE[index] ?? '';
    switch (what.ask) {
      case 'beat':
      case 'roam':
      case 'end': {
        const device = this.#device(index, what.device);
        if (device.busy) return;
        device.busy = true;
        if (what.ask === 'beat') await this.#beat(device, via, what.activity, what.bind);
        else if (what.ask === 'roam') await this.#roam(device, via, what.leaving);
        else await this.#end(device, via);
        device.busy = false;
        return;
      }
      case 'override': {
        const { source, status, priority, forMs } = what;
        await this.#say(user, via, async (rollcall) => {
          const expiresAt = forMs === null ? null : this.#scene.plant.now() + forMs;
          const record = await (status === null
            ? rollcall.clearOverride(callerOf(user), source)
            : rollcall.setOverride(callerOf(user), { source, status, priority, expiresAt }));
          return [
            { said: 'override', source, status, priority, expiresAt: status === null ? null : expiresAt },
            record,
          ];
        });
        return;
      }
      case 'custom': {
        const { text, forMs } = what;
        await this.#say(user, via, async (rollcall) => {
          const expiresAt = forMs === null || text === null ? null : this.#scene.plant.now() + forMs;
          const record = await rollcall.setCustomStatus(callerOf(user), { text, emoji: null, expiresAt });
          return [{ said: 'custom', text, expiresAt }, record];
        });
        return;
      }
      case 'visibility': {
        const { invisible } = what;
        const showTo = what.showTo.map((other) => PEOPLE[other] ?? '');
        const hideFrom = what.hideFrom.map((other) => PEOPLE[other] ?? '').filter((other) => other !== user);
        await this.#say(user, via, async (rollcall) => {
          const record = await rollcall.setVisibility(callerOf(user), { invisible, hideFrom, showTo });
          return [{ said: 'visibility', invisible, hideFrom, showTo }, record];
        });
        return;
      }
      default:
        await this.#befriend(user, via, what);
    }
  }

  async #beat(device: Device, via: number, activity: 'ACTIVE' | 'IDLE', bind: boolean): Promise<void> {
    const { user, session, client } = device;
    await this.#say(user, via, async (rollcall, node) => {
      if (bind && !(device.connection?.open && device.connection.node === node)) this.#connect(device, node, 'first');
      const connection = bind ? device.connection : null;
      const at = this.#scene.plant.now();
      const input = { sessionId: session, client, activity, bindToConnection: bind };
      const result = await rollcall.heartbeat(callerOf(user, connection?.id ?? null), input);
      const bound = result.session.binding?.connection ?? null;
      this.#sheltered(device, connection, bound, at);
      const elsewhere = connection === null && device.connection !== null && device.connection.node !== node;
      const said = {
        said: 'beat',
        session,
        client,
        activity,
        connection: connection?.id ?? null,
        elsewhere,
        at,
      } as const;
      return [said, result.record];
    });
  }

  /** Rule 2: for how long the heartbeat that has just been answered keeps the session. */
  #sheltered(device: Device, connection: Connection | null, bound: string | null, askedAt: Millis): void {
    const now = this.#scene.plant.now();
    const { heartbeatIntervalMs: d, heartbeatToleranceMs: epsilon } = this.#scene.options.settings;
    const kept = connection !== null && bound === connection.id && connection.open && connection.node.sound(now);
    if (!kept && bound !== null) return;
    const until = kept ? Number.POSITIVE_INFINITY : askedAt + d + 2 * epsilon;
    if (device.shelter && device.shelter.until >= now) {
      device.shelter.until = Math.max(until, bound === null ? device.shelter.until : 0);
    } else device.shelter = this.#scene.truth.shelter(device.user, { from: now, until });
  }

  #connect(device: Device, node: ModelNode, leaving: 'first' | 'after' | 'never'): Connection | null {
    const old = device.connection;
    if (old && leaving === 'first') this.#close(old, device);
    if (old && leaving === 'never') this.#left.push(old);
    this.#connections += 1;
    device.connection = { id: `connection ${this.#connections}`, node, open: true };
    node.rollcall.connectionOpened(device.connection.id);
    return leaving === 'after' ? old : null;
  }

  async #roam(device: Device, via: number, leaving: 'first' | 'after' | 'never'): Promise<void> {
    // Nearer to each other than nodes' clocks agree nobody can tell which of two connections is the later one.
    if (device.connection) await new Promise((resolve) => setTimeout(resolve, RECONNECT_MS));
    let old: Connection | null = null;
    const node = this.#scene.reachable(via);
    if (node) old = this.#connect(device, node, leaving);
    await this.#beat(device, via, 'ACTIVE', true);
    if (old) this.#close(old, null);
  }

  async #end(device: Device, via: number): Promise<void> {
    device.shelterEnds(this.#scene.plant.now());
    device.shelter = null;
    let at: ModelNode | null = null;
    await this.#say(device.user, via, async (rollcall, node) => {
      at = node;
      const record = await rollcall.endSession(callerOf(device.user), device.session);
      return [{ said: 'end', session: device.session }, record];
    });
    // A node that was taken for dead may bring back what its open connections keep, though it was ended elsewhere.
    if (device.connection && (device.connection.node.hasBroken || device.connection.node !== at)) {
      this.#close(device.connection, null);
      device.connection = null;
    }
  }

  async #befriend(user: string, via: number, what: Extract<Asking['what'], { ask: 'relate' | 'sync' }>): Promise<void> {
    // One after the other, so that it is known which was the last.
    const turn = this.#befriending.then(() => this.#befriendNow(user, via, what));
    this.#befriending = turn.catch(() => undefined);
    await turn;
  }

  async #befriendNow(user: string, via: number, what: Extract<Asking['what'], { ask: 'relate' | 'sync' }>) {
    const { friends } = this.#scene.truth;
    const at = this.#scene.plant.now();
    const are = (other: string): boolean => friends.relation(user, other) === 'friend';
    const others = PEOPLE.filter((other) => other !== user);
    const before = new Map(others.map((other) => [other, are(other)]));
    let obeyed = true;
    if (what.ask === 'relate') {
      const other = PEOPLE[what.other] ?? '';
      if (other !== user) obeyed = friends.relate(user, other, what.change);
    } else {
      for (const [index, other] of PEOPLE.entries()) {
        if (other === user) continue;
        if (what.friends.includes(index)) friends.relate(user, other, 'befriend');
        else if (are(other)) friends.relate(user, other, 'remove');
      }
    }
    const done = others
      .filter((other) => before.get(other) !== are(other))
      .map((other) => this.#scene.truth.befriending(user, other, are(other), at));
    const caller = { ...callerOf(user), admin: true };
    await this.#scene.persistently(via, async (rollcall) => {
      try {
        if (what.ask === 'sync') {
          const ids = what.friends.map((index) => PEOPLE[index] ?? '').filter((id) => id !== user);
          await rollcall.syncFriends(caller, user, ids);
        } else {
          await rollcall[METHODS[what.change]](caller, PEOPLE[what.other] ?? '');
        }
      } catch (error) {
        const refused = error instanceof RollcallError && error.code === 'BAD_USER_INPUT';
        if (!refused || (obeyed && what.ask === 'relate' && PEOPLE[what.other] !== user)) throw error;
      }
    });
    for (const answered of done) answered(this.#scene.plant.now());
  }

  /** Until it is answered, by whichever node can; then it is known. */
  async #say(
    user: string,
    via: number,
    run: (rollcall: RunningRollcall, node: ModelNode) => Promise<[Said, PresenceRecord]>,
  ): Promise<void> {
    let doubtFrom = Number.POSITIVE_INFINITY;
    const [what, record] = await this.#scene.persistently(via, (rollcall, node) => {
      doubtFrom = Math.min(doubtFrom, this.#scene.plant.now());
      return run(rollcall, node);
    });
    this.#scene.truth.answered(user, what, record, doubtFrom);
    this.#scene.note(`${user} was answered ${JSON.stringify(what)} at ${record.rev}`);
  }
}

const METHODS = { add: 'addFriend', remove: 'removeFriend', block: 'blockUser', unblock: 'unblockUser' } as const;

function callerOf(userId: string, connection: string | null = null): Caller {
  return { userId, admin: false, connection };
}
