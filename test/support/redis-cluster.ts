import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { SLOTS, slotOf } from '../../src/redis/slot.ts';
import type { ClusterTarget } from '../../src/redis/target.ts';
import { freePort, onFreePort } from './port.ts';
import { type RedisServer, startRedis } from './redis.ts';

const HOST = '127.0.0.1';
const SETTLE_MS = 30_000;
const LOOK_MS = 20;
const KEYS_AT_ONCE = 10;
/** Redis gives up by itself what has not come about within 5 s. */
const HAND_OVER_MS = 6_000;
/** The other masters vote for a replica of the same master no sooner than two node timeouts after the last time. */
const VOTES_MS = 90_000;

export interface RedisClusterOptions {
  readonly masters?: number;
  /** Of each master. */
  readonly replicas?: number;
  /**
   * How long a node may be silent before the others give it up. Without it a busy machine costs nobody a failover: they
   * have much patience, and a replica is promoted by nobody but `promote`.
   */
  readonly nodeTimeoutMs?: number;
  /** More arguments for every server. */
  readonly args?: readonly string[];
}

/** One server of a cluster. */
export class ClusterNode {
  readonly server: RedisServer;
  /** What the cluster calls it. */
  readonly id: string;
  /** A connection of the operator's; it comes back when the server does. */
  readonly operator: Redis;
  #paused = false;

  constructor(server: RedisServer, id: string, operator: Redis) {
    this.server = server;
    this.id = id;
    this.operator = operator;
  }

  /** `host:port`, as the product names it. */
  get name(): string {
    return `${HOST}:${this.server.port}`;
  }

  get running(): boolean {
    return this.server.pid !== null && !this.#paused;
  }

  async pause(): Promise<void> {
    await this.server.kill('SIGSTOP');
    this.#paused = true;
  }

  async wake(): Promise<void> {
    await this.server.kill('SIGCONT');
    this.#paused = false;
  }

  /** SIGKILL. Resolves when it is gone. */
  async kill(): Promise<void> {
    await this.server.kill('SIGKILL');
    this.#paused = false;
  }

  /** In the place that it had in the cluster, and without its data unless it was started with arguments that keep them. */
  async restart(): Promise<void> {
    this.#paused = false;
    await this.server.restart();
  }
}

export interface MoveOptions {
  /** How long the slot stays divided between the two, with about half of its keys at each. */
  readonly dividedMs?: number;
}

/**
 * Starts a real Redis Cluster, three masters unless told otherwise, and resolves when all of its servers agree that it
 * can be used.
 */
export async function startRedisCluster(options: RedisClusterOptions = {}): Promise<RedisCluster> {
  const { masters = 3, replicas = 0, nodeTimeoutMs, args = [] } = options;
  const servers = await startServers(masters * (1 + replicas), [
    ...['--cluster-enabled', 'yes', '--cluster-announce-ip', HOST],
    ...['--cluster-node-timeout', String(nodeTimeoutMs ?? 15_000)],
    ...['--cluster-replica-no-failover', nodeTimeoutMs === undefined ? 'yes' : 'no'],
    ...['--repl-diskless-sync-delay', '0'],
    ...args,
  ]);
  const cluster = new RedisCluster(await Promise.all(servers.map(toNode)));
  try {
    await cluster.form(masters);
    return cluster;
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

export class RedisCluster {
  /** The first masters first. Who is a master changes: see `ownerOf`. */
  readonly nodes: readonly ClusterNode[];

  constructor(nodes: readonly ClusterNode[]) {
    this.nodes = nodes;
  }

  /** For REDIS_URL. */
  get url(): string {
    return `redis-cluster://${this.nodes.map(({ name }) => name).join(',')}`;
  }

  /** The same for `openRedis`. */
  get target(): ClusterTarget {
    const addresses = this.nodes.map(({ server }) => ({ host: HOST, port: server.port }));
    return { kind: 'cluster', addresses, tls: false, username: null, password: null };
  }

  /** Called once. */
  async form(masters: number): Promise<void> {
    const [first] = this.nodes;
    for (const [index, { operator, server }] of this.nodes.entries()) {
      await operator.call('CLUSTER', 'SET-CONFIG-EPOCH', index + 1);
      if (index < masters) {
        const [from, until] = [index, index + 1].map((part) => Math.floor((part * SLOTS) / masters));
        await operator.call('CLUSTER', 'ADDSLOTSRANGE', from ?? 0, (until ?? 0) - 1);
      }
      await first?.operator.call('CLUSTER', 'MEET', HOST, server.port, await busPort(operator));
    }
    await this.#until('everybody to know everybody', async () => {
      const lists = await Promise.all(this.nodes.map(({ operator }) => operator.call('CLUSTER', 'NODES')));
      return lists.every((list) => this.nodes.every(({ id }) => String(list).includes(`${id} ${HOST}`)));
    });
    for (const [index, { operator }] of this.nodes.entries()) {
      if (index >= masters) await operator.call('CLUSTER', 'REPLICATE', this.nodes[index % masters]?.id ?? '');
    }
    await this.settled();
  }

  /** Resolves when all servers that run say that the cluster can be used, agree who has which slot, and replicas follow. */
  async settled(): Promise<void> {
    await this.#until('the cluster to settle', async () => {
      const views = await Promise.all(this.#running().map((node) => this.#viewOf(node)));
      return views.every((view) => view !== null && view === views[0]);
    });
  }

  /** The server that has a key, or a slot, as the servers that run see it. */
  async ownerOf(what: string | number): Promise<ClusterNode> {
    const slot = typeof what === 'number' ? what : slotOf(what);
    for (const { operator } of this.#running()) {
      for (const [from, to, [, , id]] of await slotsOf(operator)) {
        const owner = this.nodes.find((node) => node.id === id);
        if (slot >= from && slot <= to && owner) return owner;
      }
    }
    throw new Error(`Nobody has slot ${slot}.`);
  }

  /** Those that have slots. */
  async masters(): Promise<ClusterNode[]> {
    const masters = new Set<ClusterNode>();
    for (const [, , [, , id]] of await slotsOf(this.#anyRunning().operator)) {
      for (const node of this.nodes) if (node.id === id) masters.add(node);
    }
    return [...masters];
  }

  async replicaOf(master: ClusterNode): Promise<ClusterNode> {
    for (const node of this.#running()) {
      if (node !== master && (await masterIdOf(node)) === master.id) return node;
    }
    throw new Error(`${master.name} has no replica.`);
  }

  /**
   * Replicas of this server get nothing any more of what is written to it, until `mendReplication`. What had been written
   * before they have.
   */
  async breakReplication(master: ClusterNode): Promise<void> {
    const { operator } = master;
    const offset = offsetIn(await operator.info('replication'), 'master_repl_offset');
    await this.#until(`the replicas of ${master.name} to catch up`, async () => {
      const views = await Promise.all(
        this.#running().map(async (node) =>
          node !== master && (await masterIdOf(node)) === master.id ? await node.operator.info('replication') : null,
        ),
      );
      return views.every((view) => view === null || offsetIn(view, 'slave_repl_offset') >= offset);
    });
    await operator.call('ACL', 'SETUSER', 'default', '-psync', '-sync');
    await operator.call('CLIENT', 'KILL', 'TYPE', 'replica');
  }

  async mendReplication({ operator }: ClusterNode): Promise<void> {
    await operator.call('ACL', 'SETUSER', 'default', '+psync', '+sync');
  }

  /** Makes a replica the master in its master's place, whether that one is there or not. Resolves when all who run know. */
  async promote(replica: ClusterNode): Promise<void> {
    await replica.operator.call('CLUSTER', 'FAILOVER', 'TAKEOVER');
    await this.#untilMaster(replica);
  }

  /** The same in good order, with the master's help: no write is lost. */
  async handOver(replica: ClusterNode): Promise<void> {
    let askedAt = Number.NEGATIVE_INFINITY;
    await this.#untilMaster(
      replica,
      async () => {
        if (performance.now() < askedAt + HAND_OVER_MS) return;
        askedAt = performance.now();
        await replica.operator.call('CLUSTER', 'FAILOVER');
      },
      VOTES_MS,
    );
  }

  /** Resolves when all who run know it as a master. `urge` is called whenever they do not. */
  async #untilMaster(replica: ClusterNode, urge: () => Promise<void> = async () => {}, ms = SETTLE_MS): Promise<void> {
    await this.#until(
      `${replica.name} to be a master`,
      async () => {
        const views = await Promise.all(this.#running().map(({ operator }) => slotsOf(operator)));
        const known = views.every((view) => view.some(([, , [, , id]]) => id === replica.id));
        if (!known) await urge();
        return known;
      },
      ms,
    );
  }

  /** Moves a slot with its keys, while all are in use. */
  async moveSlot(slot: number, to: ClusterNode, { dividedMs = 0 }: MoveOptions = {}): Promise<void> {
    const from = await this.ownerOf(slot);
    if (from === to) return;
    await to.operator.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', from.id);
    await from.operator.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', to.id);
    const count = Number(await from.operator.call('CLUSTER', 'COUNTKEYSINSLOT', slot));
    await this.#moveKeys(slot, from, to, Math.ceil(count / 2));
    await delay(dividedMs);
    await this.#moveKeys(slot, from, to, Number.POSITIVE_INFINITY);
    for (const { operator } of [to, from]) await operator.call('CLUSTER', 'SETSLOT', slot, 'NODE', to.id);
    await this.#until(`slot ${slot} to be at ${to.name}`, async () => {
      const views = await Promise.all(this.#running().map(({ operator }) => slotsOf(operator)));
      return views.every((view) =>
        view.some(([first, last, [, , id]]) => slot >= first && slot <= last && id === to.id),
      );
    });
  }

  /** Sends something to each master. */
  async each(run: (operator: Redis) => Promise<unknown>): Promise<void> {
    await Promise.all((await this.masters()).map(({ operator }) => run(operator)));
  }

  /** Idempotent. */
  async stop(): Promise<void> {
    for (const { operator } of this.nodes) operator.disconnect();
    await Promise.all(this.nodes.map(({ server }) => server.stop()));
  }

  async #moveKeys(slot: number, from: ClusterNode, to: ClusterNode, most: number): Promise<void> {
    for (let moved = 0; moved < most; ) {
      const wanted = Math.min(KEYS_AT_ONCE, most - moved);
      const keys = (await from.operator.call('CLUSTER', 'GETKEYSINSLOT', slot, wanted)) as string[];
      if (keys.length === 0) return;
      await from.operator.call('MIGRATE', HOST, to.server.port, '', 0, 10_000, 'REPLACE', 'KEYS', ...keys);
      moved += keys.length;
    }
  }

  /** Neither ended nor stopped. */
  #running(): ClusterNode[] {
    return this.nodes.filter(({ running }) => running);
  }

  #anyRunning(): ClusterNode {
    const [first] = this.#running();
    if (!first) throw new Error('No server of the cluster runs.');
    return first;
  }

  /** What the node thinks of the cluster; null while it cannot use it. */
  async #viewOf({ operator }: ClusterNode): Promise<string | null> {
    const info = String(await operator.call('CLUSTER', 'INFO'));
    const replication = await operator.info('replication');
    if (!info.includes('cluster_state:ok') || replication.includes('master_link_status:down')) return null;
    const slots = await slotsOf(operator);
    return JSON.stringify(slots.map(([from, to, [, , id]]) => [from, to, id]).sort());
  }

  async #until(what: string, holds: () => Promise<boolean>, ms = SETTLE_MS): Promise<void> {
    const deadline = performance.now() + ms;
    for (;;) {
      if (await holds().catch(() => false)) return;
      if (performance.now() > deadline) throw new Error(`Waited ${ms} ms for ${what}.`);
      await delay(LOOK_MS);
    }
  }
}

type SlotRange = readonly [from: number, to: number, master: readonly [host: string, port: number, id: string]];

async function slotsOf(operator: Redis): Promise<SlotRange[]> {
  // As Redis documents the answer; replicas may follow.
  return (await operator.call('CLUSTER', 'SLOTS')) as SlotRange[];
}

async function masterIdOf({ operator }: ClusterNode): Promise<string | null> {
  const own = String(await operator.call('CLUSTER', 'NODES'))
    .split('\n')
    .find((line) => line.includes('myself'));
  const [, , , master = '-'] = own?.split(' ') ?? [];
  return master === '-' ? null : master;
}

function offsetIn(info: string, name: string): number {
  return Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1] ?? Number.NaN);
}

async function busPort(operator: Redis): Promise<number> {
  const [, port] = (await operator.config('GET', 'cluster-port')) as [string, string];
  return Number(port);
}

async function toNode(server: RedisServer): Promise<ClusterNode> {
  const operator = new Redis(server.port, HOST, {
    maxRetriesPerRequest: null,
    commandTimeout: 10_000,
    retryStrategy: () => 50,
  });
  operator.on('error', () => {});
  return new ClusterNode(server, String(await operator.call('CLUSTER', 'MYID')), operator);
}

async function startServers(count: number, args: readonly string[]): Promise<RedisServer[]> {
  const started = await Promise.allSettled(Array.from({ length: count }, () => startServer(args)));
  const failed = started.find((outcome) => outcome.status === 'rejected');
  const servers = started.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  if (!failed) return servers;
  await Promise.all(servers.map((server) => server.stop()));
  throw failed.reason;
}

function startServer(args: readonly string[]): Promise<RedisServer> {
  return onFreePort(async (port) => startRedis({ port, args: ['--cluster-port', String(await freePort()), ...args] }));
}
