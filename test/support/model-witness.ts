import { RollcallError } from '../../src/errors.ts';
import type { Millis } from '../../src/presence/time.ts';
import type { Caller } from '../../src/service/api.ts';
import type { RunningRollcall } from '../../src/service/create.ts';
import { Graph } from '../graphql/graph.ts';
import { CAST, type Hiding, type Name, type Open, type Telling } from './model-secrets.ts';
import type { Ask } from './model-steps.ts';

const PRESENCE = 'presence { status since lastActiveAt clients customStatus { text emoji expiresAt } }';
const USER = `id isFriend ${PRESENCE}`;
const LIST = `nodes { ${USER} } edges { cursor } totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor }`;
const FRAME = `reset changes { ${USER} } removed cursor stale`;
const QUERY = `query ($first: Int!, $ids: [ID!]!, $after: String) {
  viewer {
    ${PRESENCE} invisible hiddenFrom sessions { id client activity } overrides { source status }
    all: friends(first: $first, after: $after) { onlineCount ${LIST} }
    here: friends(first: $first, statuses: [ONLINE, AWAY, DO_NOT_DISTURB]) { onlineCount ${LIST} }
    gone: friends(first: 1, statuses: [OFFLINE]) { onlineCount ${LIST} }
    friendRequests(first: $first) { ${LIST} }
    blocked(first: $first) { ${LIST} }
  }
  users(ids: $ids) { ${USER} }
}`;
const ALL = `subscription ($after: String, $ms: Int) { update: friendsPresence(after: $after, coalesceMs: $ms) { ${FRAME} } }`;
const SOME = `subscription ($after: String, $ms: Int, $ids: [ID!]!) { update: presence(userIds: $ids, after: $after, coalesceMs: $ms) { ${FRAME} } }`;
const OWN = `subscription { viewer { ${PRESENCE} friends(first: 50) { onlineCount ${LIST} } } }`;

export interface WitnessNode {
  readonly rollcall: RunningRollcall;
  readonly up: boolean;
  cut(): void;
  heal(): void;
}

interface Watched {
  readonly only: readonly Name[] | null;
  readonly coalesceMs: Millis;
  cursor: string | null;
  close: () => Promise<void>;
}

/** One of two worlds, and every byte that its viewer is sent. */
export class Witness {
  /** Since it was taken last. */
  #bytes: string[] = [];
  readonly #nodes: readonly WitnessNode[];
  readonly #graphs: readonly Graph[];
  readonly #now: () => Millis;
  readonly #parting: 'removeFriend' | 'blockUser';
  readonly #streams: Watched[] = [];
  readonly #connections = new Map<string, { readonly id: string; readonly node: WitnessNode }>();
  #opened = 0;
  #pageCursor: string | null = null;

  constructor(now: () => Millis, nodes: readonly WitnessNode[], parting: 'removeFriend' | 'blockUser') {
    this.#now = now;
    this.#nodes = nodes;
    this.#graphs = nodes.map(({ rollcall }) => new Graph(rollcall));
    this.#parting = parting;
  }

  /** What the viewer has been sent since the last time. */
  take(): string[] {
    const bytes = this.#bytes;
    this.#bytes = [];
    return bytes;
  }

  async befriend(): Promise<void> {
    const [node] = this.#nodes;
    const friends = ['hidden', 'open', 'other', 'leaver'];
    await node?.rollcall.syncFriends({ ...callerOf('viewer'), admin: true }, 'viewer', friends);
  }

  async hide(hiding: Hiding): Promise<void> {
    const node = this.#nodes.find(({ up }) => up);
    const caller = callerOf('hidden');
    const hideFrom = hiding === 'from the viewer' || hiding === 'both' ? ['viewer'] : [];
    const invisible = hiding === 'invisible' || hiding === 'both' ? true : null;
    if (hiding === 'appearing offline') {
      const override = { source: 'hiding', status: 'OFFLINE', priority: 9, expiresAt: null } as const;
      await node?.rollcall.setOverride(caller, override);
    } else await node?.rollcall.setVisibility(caller, { invisible, hideFrom, showTo: [] });
  }

  /** Nothing is left of what they did in hiding. */
  async tidy(): Promise<void> {
    const say = (what: Ask) => this.tell({ by: 'hidden', via: 0, what });
    for (const device of [0, 1]) await say({ ask: 'end', device });
    for (const source of ['user', 'calendar']) {
      await say({ ask: 'override', source, status: null, priority: 0, forMs: null });
    }
    await say({ ask: 'custom', text: null, forMs: null });
  }

  async reveal(): Promise<void> {
    const all = CAST.map((_, index) => index);
    const say = (what: Ask) => this.tell({ by: 'hidden', via: 0, what });
    await say({ ask: 'visibility', invisible: false, hideFrom: [], showTo: all });
    await say({ ask: 'override', source: 'hiding', status: null, priority: 0, forMs: null });
  }

  async happen(open: Open): Promise<void> {
    switch (open.open) {
      case 'tell':
        await this.tell(open.telling);
        return;
      case 'watch':
        if (this.#streams.length < 4) await this.#watch(open.via, { ...open, cursor: null, close: nothing });
        return;
      case 'watchOwn':
        await this.#follow(this.#graph(open.via), OWN, {}, nothing);
        return;
      case 'resume': {
        const stream = this.#streams[open.stream];
        await stream?.close();
        if (stream) await this.#watch(open.via, stream);
        return;
      }
      case 'query': {
        const variables = { first: open.first, ids: [...CAST, 'nobody'], after: this.#pageCursor };
        const result = await this.#graph(open.via)?.execute(callerOf('viewer'), QUERY, variables);
        this.#note(result);
        this.#pageCursor = endOf(result);
        return;
      }
      case 'break':
        this.#nodes[open.via]?.cut();
        return;
      case 'heal':
        this.#nodes[open.via]?.heal();
        return;
      case 'part': {
        const node = this.#nodes.find(({ up }) => up);
        await node?.rollcall[this.#parting](callerOf('leaver'), 'viewer');
        return;
      }
      default:
        open satisfies never;
    }
  }

  async tell({ by, via, what }: Telling): Promise<void> {
    const node = this.#nodes[via]?.up ? this.#nodes[via] : this.#nodes.find(({ up }) => up);
    if (!node) return;
    try {
      await this.#say(node, by, what);
    } catch (error) {
      if (!(error instanceof RollcallError)) throw error;
      if (by === 'viewer') this.#note({ refused: error.code });
    }
  }

  async close(): Promise<void> {
    for (const stream of this.#streams) await stream.close();
  }

  async #say(node: WitnessNode, by: Name, what: Ask): Promise<void> {
    const { rollcall } = node;
    const caller = callerOf(by);
    const names = (all: readonly number[]): Name[] => all.map((index) => CAST[index] ?? 'other');
    const until = (ms: number | null): number | null => (ms === null ? null : this.#now() + ms - (ms % 10));
    switch (what.ask) {
      case 'beat':
      case 'roam': {
        const session = `session ${what.device}`;
        const bind = what.ask === 'roam' || what.bind;
        const input = {
          sessionId: session,
          client: what.device === 0 ? 'WEB' : 'MOBILE',
          bindToConnection: bind,
        } as const;
        const connection = bind ? this.#connect(node, `${by} ${session}`) : null;
        const activity = what.ask === 'beat' ? what.activity : 'ACTIVE';
        await rollcall.heartbeat({ ...caller, connection }, { ...input, activity });
        return;
      }
      case 'end':
        await rollcall.endSession(caller, `session ${what.device}`);
        return;
      case 'override': {
        const { source, status, priority, forMs } = what;
        if (status === null) await rollcall.clearOverride(caller, source);
        else await rollcall.setOverride(caller, { source, status, priority, expiresAt: until(forMs) });
        return;
      }
      case 'custom':
        await rollcall.setCustomStatus(caller, { text: what.text, emoji: null, expiresAt: until(what.forMs) });
        return;
      case 'visibility': {
        const hideFrom = names(what.hideFrom).filter((name) => name !== by);
        await rollcall.setVisibility(caller, { invisible: what.invisible, hideFrom, showTo: names(what.showTo) });
        return;
      }
      case 'relate': {
        const seen = await rollcall[METHODS[what.change]](caller, CAST[what.other] ?? 'other');
        if (by === 'viewer') this.#note(seen.isFriend);
        return;
      }
      case 'sync':
        return;
      default:
        what satisfies never;
    }
  }

  /** Each time another one than before: the old one is closed. */
  #connect(node: WitnessNode, device: string): string {
    const old = this.#connections.get(device);
    this.#opened += 1;
    const id = `connection ${this.#opened}`;
    node.rollcall.connectionOpened(id);
    this.#connections.set(device, { id, node });
    if (old) void old.node.rollcall.connectionClosed(old.id);
    return id;
  }

  #graph(via: number): Graph | undefined {
    return this.#graphs[via];
  }

  async #watch(via: number, stream: Watched): Promise<void> {
    if (!this.#streams.includes(stream)) this.#streams.push(stream);
    const { only, cursor, coalesceMs } = stream;
    const variables = { after: cursor, ms: coalesceMs, ...(only === null ? {} : { ids: only }) };
    stream.close = await this.#follow(this.#graph(via), only === null ? ALL : SOME, variables, (data) => {
      const found = /"cursor":"([^"]*)"/.exec(data);
      stream.cursor = found?.[1] ?? stream.cursor;
    });
  }

  async #follow(
    graph: Graph | undefined,
    text: string,
    variables: Record<string, unknown>,
    seen: (data: string) => void,
  ): Promise<() => Promise<void>> {
    const outcome = await graph?.subscribe(callerOf('viewer'), text, variables);
    if (outcome === undefined || 'code' in outcome) {
      this.#note(outcome);
      return async () => {};
    }
    const read = async (): Promise<void> => {
      for await (const result of outcome) {
        const bytes = JSON.stringify(result);
        seen(bytes);
        this.#bytes.push(bytes);
      }
      this.#bytes.push('the end');
    };
    const reading = read();
    return async () => {
      await outcome.return?.();
      await reading;
    };
  }

  #note(value: unknown): void {
    this.#bytes.push(JSON.stringify(value) ?? 'nothing');
  }
}

const METHODS = { add: 'addFriend', remove: 'removeFriend', block: 'blockUser', unblock: 'unblockUser' } as const;

async function nothing(): Promise<void> {}

function callerOf(userId: string): Caller {
  return { userId, admin: false, connection: null };
}

function endOf(result: unknown): string | null {
  const found = /"endCursor":"([^"]*)"/.exec(JSON.stringify(result) ?? '');
  return found?.[1] ?? null;
}
