import { FRIENDS, type Units } from './units.ts';

/** What people do. */
export interface Load {
  /** Online at once. */
  readonly users: number;
  readonly friends: number;
  /** Of all users; friends are online as often as anybody. */
  readonly online: number;
  /** Connections of a user who is online. */
  readonly sessions: number;
  /** That others see, a user and hour, besides coming and going. */
  readonly changes: number;
  /** Times that a user comes, and goes, an hour. */
  readonly logins: number;
  /** Sessions live by their connection, or by a heartbeat each 30 s. */
  readonly heartbeats: 'bound' | 'unbound';
  /** Deployments that share the users and know nothing of each other. */
  readonly cells: number;
  readonly partitions: number;
  /** Which part of a viewer's friends is watched by others on the node anyway: by chance 0, more where friends are put together. */
  readonly together: number;
  readonly friendsElsewhere: boolean;
}

export const USUAL: Load = {
  users: 1_000_000,
  friends: 100,
  online: 0.25,
  sessions: 1.2,
  changes: 3,
  logins: 1,
  heartbeats: 'bound',
  cells: 1,
  partitions: 64,
  together: 0,
  friendsElsewhere: false,
};

/** How full things may be. */
export const LIMITS = {
  /** Of a core, for a node and for a Redis master. */
  busy: 0.5,
  /** Of a node's heap. */
  nodeBytes: 4e9,
  /** More than that were never measured on one process. */
  nodeConnections: 50_000,
  masterBytes: 32e9,
  /** The one that has all friend lists. */
  listsBytes: 64e9,
  /** Half of 10 Gbit/s. */
  network: 0.625e9,
  /** Beyond that it is said that no number of nodes will do. */
  nodes: 100_000,
} as const;

const HEARTBEAT_S = 30;
/** Of Node.js and the code, before anybody has come. */
const PROCESS_BYTES = 60e6;
/** On the wire, a frame with one change, and a friend in a roster. Counted, with UUIDs. */
const FRAME_BYTES = 450;
const ROSTER_ENTRY_BYTES = 230;
/** Redis: to read a list of 200, µs. As src/friends/redis has it: ten thousand a second. */
const LIST_READ = 100;

export interface Plan {
  readonly load: Load;
  readonly changes: number;
  readonly deliveries: number;
  /** In all cells together; null where no number of them does. */
  readonly nodes: number | null;
  /** What keeps one from taking more. */
  readonly filledBy: string;
  /** Shares of the busy time of a node. */
  readonly cpu: Readonly<Record<'changes' | 'deliveries' | 'logins' | 'heartbeats' | 'connections', number>>;
  readonly nodeBytes: number;
  /** To and from a node, bytes a second. */
  readonly nodeNetwork: number;
  /** In all cells together, beside those for friend lists. */
  readonly masters: number | null;
  /** All of them together. */
  readonly redisBytes: number;
  readonly redisNetwork: number;
  readonly listsBytes: number;
  /** What cannot be had, in the order in which it comes; empty: it can be run. */
  readonly broken: readonly string[];
}

export const BROKEN = {
  listsMemory: 'friend lists outgrow the memory of their one master',
  listsCpu: 'friend lists are read more often than their one master can',
  changes: 'every node is told of every change: more nodes do not help',
  masters: 'more masters than partitions are needed',
} as const;

/** What it takes. */
export function plan(load: Load, units: Units): Plan {
  const users = load.users / load.cells;
  const known = users / load.online;
  const connections = users * load.sessions;
  const changes = (users * (load.changes + 2 * load.logins)) / 3_600;
  const deliveries = changes * load.friends * load.online * load.sessions;
  const logins = (connections * load.logins) / 3_600;
  const heartbeats = load.heartbeats === 'bound' ? 0 : connections / HEARTBEAT_S;

  const on = (nodes: number) => {
    const own = connections / nodes;
    const watching = own * load.friends * (1 - load.together);
    const watched = known * -Math.expm1(-watching / known);
    const told = changes * -Math.expm1(watched * Math.log1p(-1 / load.partitions));
    // Of those, the ones of people whom somebody here watches.
    const concerning = (changes * watched) / known;
    // Of a viewer's friends, those whom nobody here watches yet.
    const unknown = load.friends * (1 - load.together) * (1 - watched / known);
    const cpu = {
      changes: (told * units.strange) / 1e6,
      deliveries: (concerning * units.first + (deliveries / nodes) * units.delivery) / 1e6,
      logins: ((logins / nodes) * ((units.login * load.friends) / FRIENDS + unknown * units.loginFriend)) / 1e6,
      heartbeats: ((heartbeats / nodes) * units.heartbeat) / 1e6,
      connections: (own * units.connection) / 1e6,
    };
    const busy = Object.values(cpu).reduce((sum, share) => sum + share, 0);
    const bytes = PROCESS_BYTES + own * units.viewer + watched * units.watched;
    const out = (deliveries / nodes) * FRAME_BYTES + (logins / nodes) * load.friends * ROSTER_ENTRY_BYTES;
    return { own, told, unknown, cpu, busy, bytes, network: told * units.changeBytes + out };
  };
  const obstacle = (nodes: number): string | null => {
    const { busy, bytes, network, own } = on(nodes);
    if (busy > LIMITS.busy) return 'CPU';
    if (bytes > LIMITS.nodeBytes) return 'memory';
    if (network > LIMITS.network) return 'network';
    return own > LIMITS.nodeConnections ? 'connections' : null;
  };

  const nodes = least(obstacle);
  const shown = on(nodes ?? LIMITS.nodes);
  const used = nodes ?? LIMITS.nodes;
  const sent = shown.told * used * units.changeBytes;
  const redisCpu =
    (changes * units.commit +
      shown.told * used * units.listener +
      heartbeats * units.redisHeartbeat +
      logins * ((units.redisLogin * load.friends) / FRIENDS + shown.unknown * units.redisLoginFriend) +
      used * load.partitions * units.redisCommand) /
    1e6;
  const redisBytes = known * units.user;
  const masters = Math.ceil(
    Math.max(1, redisCpu / LIMITS.busy, redisBytes / LIMITS.masterBytes, sent / LIMITS.network),
  );
  const listsBytes = ((known * load.friends) / 2) * units.friendship;
  const broken = [
    ...(!load.friendsElsewhere && listsBytes > LIMITS.listsBytes ? [BROKEN.listsMemory] : []),
    ...(!load.friendsElsewhere && (logins * LIST_READ) / 1e6 > LIMITS.busy ? [BROKEN.listsCpu] : []),
    ...(nodes === null ? [BROKEN.changes] : masters > load.partitions ? [BROKEN.masters] : []),
  ];
  return {
    load,
    changes: changes * load.cells,
    deliveries: deliveries * load.cells,
    nodes: nodes === null ? null : nodes * load.cells,
    filledBy: nodes === null ? 'CPU' : nodes === 1 ? '–' : (obstacle(nodes * 0.95) ?? 'CPU'),
    cpu: shown.cpu,
    nodeBytes: shown.bytes,
    nodeNetwork: shown.network,
    masters: nodes === null ? null : masters * load.cells,
    redisBytes: redisBytes * load.cells,
    redisNetwork: sent * load.cells,
    listsBytes: listsBytes * load.cells,
    broken,
  };
}

/** The least number of nodes with which nothing stands in the way; null where there is none. */
function least(obstacle: (nodes: number) => string | null): number | null {
  let high = 1;
  while (obstacle(high) !== null) {
    high *= 2;
    if (high > LIMITS.nodes) return null;
  }
  let low = high / 2;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (obstacle(middle) === null) high = middle;
    else low = middle;
  }
  return high;
}

/** How many users can be online at once in one cell before `what` breaks, to a percent. */
export function upTo(what: string, load: Load, units: Units): number {
  let low = 1e3;
  let high = 1e10;
  while (high / low > 1.01) {
    const users = Math.sqrt(low * high);
    const { broken } = plan({ ...load, users, cells: 1 }, units);
    // Where no number of nodes will do, none is known of masters either.
    if (broken.includes(what) || (what === BROKEN.masters && broken.includes(BROKEN.changes))) high = users;
    else low = users;
  }
  return low;
}

/** How many processes more there may be to have fewer cells. */
const MORE = 1.5;

/** The fewest cells with which it takes not many more processes than with any other number; as it is where none will do. */
export function inCells(load: Load, units: Units): Load {
  const tried: { readonly load: Load; readonly processes: number }[] = [];
  for (let cells = 1; cells <= load.users / 1e4; cells = Math.ceil(cells * 1.05)) {
    const { nodes, masters, broken } = plan({ ...load, cells }, units);
    if (nodes === null || masters === null || broken.length > 0) continue;
    tried.push({ load: { ...load, cells }, processes: nodes + masters });
  }
  const least = Math.min(...tried.map(({ processes }) => processes));
  return tried.find(({ processes }) => processes <= least * MORE)?.load ?? load;
}
