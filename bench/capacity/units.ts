import { readResults, type Section } from '../report/results.ts';

/** What one of each thing costs. CPU is of one core, in µs; memory and network in bytes. */
export interface Units {
  /** A change that reaches a node on which nobody watches that user. */
  readonly strange: number;
  /** What a node pays besides for a change that somebody there watches, however many. */
  readonly first: number;
  /** To show it to one viewer. */
  readonly delivery: number;
  /** A heartbeat over WebSocket that changes nothing. */
  readonly heartbeat: number;
  /** A viewer who connects, subscribes and gets a roster of `FRIENDS` whom others there watch already. */
  readonly login: number;
  /** Each of them whom nobody there watches yet, besides. */
  readonly loginFriend: number;
  /** A connection that does nothing, a second; what the node does by itself is in it. */
  readonly connection: number;
  /** Heap of a subscribed viewer. */
  readonly viewer: number;
  /** Heap of somebody watched on the node. */
  readonly watched: number;
  /** Redis: a change, nobody listening. */
  readonly commit: number;
  /** Redis: the same change, sent to one node. */
  readonly listener: number;
  readonly changeBytes: number;
  /** Redis: a heartbeat that changes nothing. */
  readonly redisHeartbeat: number;
  /** Redis: a viewer who comes, for the list of `FRIENDS`. */
  readonly redisLogin: number;
  /** Redis: each of them whom nobody there watches yet, besides. */
  readonly redisLoginFriend: number;
  /** Redis: one small command. */
  readonly redisCommand: number;
  /** Redis' memory of a user with a session. */
  readonly user: number;
  /** Redis' memory of a friendship, both sides. */
  readonly friendship: number;
}

/** The friends with which `login` and `redisLogin` are measured. */
export const FRIENDS = 100;

/** Where each is measured. */
export const SOURCES: Readonly<Record<keyof Units, string>> = {
  strange: 'growth, strangers, as fast as they come',
  first: 'unshared, less the above and the next',
  delivery: 'growth along friends, rise of the line',
  heartbeat: 'heartbeat-ws',
  login: 'login',
  loginFriend: 'unshared, less the above, a friend',
  connection: 'idle',
  viewer: 'memory, heap and buffers',
  watched: 'unshared, less the viewer',
  commit: 'redis',
  listener: 'redis',
  changeBytes: 'redis',
  redisHeartbeat: 'heartbeat-ws',
  redisLogin: 'login',
  redisLoginFriend: 'unshared, less the above, a friend',
  redisCommand: 'redis',
  user: 'redis',
  friendship: 'redis',
};

/** Measured once, on two cores of an AMD EPYC with others' load: for where there are no results. */
const BEFORE: Units = {
  strange: 15,
  first: 60,
  delivery: 15,
  heartbeat: 130,
  login: 1_000,
  loginFriend: 40,
  connection: 3,
  viewer: 25_000,
  watched: 1_000,
  commit: 60,
  listener: 3,
  changeBytes: 500,
  redisHeartbeat: 30,
  redisLogin: 40,
  redisLoginFriend: 2,
  redisCommand: 10,
  user: 1_000,
  friendship: 110,
};

export interface Measured {
  readonly units: Units;
  /** Those that stand in no results. */
  readonly missing: readonly (keyof Units)[];
  readonly sections: readonly Section[];
}

/** The median of Rollcall's runs; null where there is none. */
export function figure(sections: readonly Section[], workload: string, key: string): number | null {
  const rows = sections.find((section) => section.workload === workload)?.rows;
  return rows?.find(({ contestant }) => contestant === 'rollcall')?.figures[key]?.median ?? null;
}

/** From results.json in `directory`. */
export function readUnits(directory: string): Measured {
  const sections = readResults(directory);
  const of = (workload: string, key: string): number | null => figure(sections, workload, key);
  const shape = (workload: string) => sections.find((section) => section.workload === workload)?.conditions.shape;
  const strange = of('growth', 'strangers');
  const delivery = riseOf(alongFriends(sections));
  const alone = of('unshared', 'change');
  const first =
    delivery !== null && strange !== null && alone !== null ? Math.max(0, alone - strange - delivery) : null;
  const heap = of('memory', 'heap');
  const viewer = heap === null ? null : (heap + (of('memory', 'external') ?? 0)) * 1_024;
  const friend = of('unshared', 'heap');
  const login = of('login', 'cpu');
  const redisLogin = of('login', 'redis');
  const friends = shape('unshared')?.friends ?? FRIENDS;
  const found: Readonly<Record<keyof Units, number | null>> = {
    strange,
    first,
    delivery,
    heartbeat: of('heartbeat-ws', 'cpu'),
    login,
    loginFriend: less(of('unshared', 'cpu'), login, friends),
    connection: scaled(of('idle', 'cpu'), 1e3 / (of('idle', 'connections') ?? 1)),
    viewer,
    watched:
      friend === null || heap === null
        ? null
        : Math.max(0, friend - (heap * 1_024) / (shape('memory')?.friends ?? FRIENDS)),
    commit: of('redis', 'commit'),
    listener: of('redis', 'listener'),
    changeBytes: of('redis', 'bytes'),
    redisHeartbeat: of('heartbeat-ws', 'redis'),
    redisLogin,
    redisLoginFriend: less(of('unshared', 'redis'), redisLogin, friends),
    redisCommand: of('redis', 'command'),
    user: of('redis', 'user'),
    friendship: of('redis', 'friendship'),
  };
  // The keys of an object that is written out above.
  const names = Object.keys(found) as (keyof Units)[];
  const units = Object.fromEntries(names.map((name) => [name, found[name] ?? BEFORE[name]])) as unknown as Units;
  return { units, missing: names.filter((name) => found[name] === null), sections };
}

/** What the first is more than the second, a friend. */
const less = (all: number | null, base: number | null, friends: number): number | null =>
  all === null || base === null ? null : Math.max(0, all - base) / friends;
const scaled = (value: number | null, by: number): number | null => (value === null ? null : value * by);

/** CPU of a change by the number of its viewers. */
function alongFriends(sections: readonly Section[]): [friends: number, cpu: number][] {
  const rows = sections.find(({ workload }) => workload === 'growth')?.rows ?? [];
  const figures = rows.find(({ contestant }) => contestant === 'rollcall')?.figures ?? {};
  return Object.entries(figures).flatMap(([key, { median }]) => {
    const friends = /^friends=(\d+)$/.exec(key)?.[1];
    return friends === undefined ? [] : [[Number(friends), median] as [number, number]];
  });
}

/** How the straight line through them rises, least squares of the relative error, for the small ones matter as much. */
function riseOf(points: readonly (readonly [x: number, y: number])[]): number | null {
  if (points.length < 2) return null;
  let [w, x, y, xx, xy] = [0, 0, 0, 0, 0];
  for (const [px, py] of points) {
    const weight = 1 / py ** 2;
    w += weight;
    x += weight * px;
    y += weight * py;
    xx += weight * px * px;
    xy += weight * px * py;
  }
  return (w * xy - x * y) / (w * xx - x * x);
}
