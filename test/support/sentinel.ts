import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { type RedisServer, startRedis } from './redis.ts';

/** What the sentinels call the group. */
const NAME = 'main';
const SENTINELS = 3;
/** So many have to agree that the master is down. */
const QUORUM = 2;
const PATIENCE_MS = 20_000;
const ANSWER_MS = 5_000;
/** A sentinel that is slower than this may be a stopped one. */
const SENTINEL_ANSWER_MS = 500;
const LOOK_MS = 20;
/**
 * How often sentinels look at the servers and tell each other what they know, ms. For four times this a server that comes
 * back as a master stays one. Ten seconds and two are what they do by themselves.
 */
const PERIOD_MS = '1500';

export interface SentinelGroupOptions {
  /** Besides the master; two where it is left out. */
  readonly replicas?: number;
  /**
   * How long a server must be silent until a sentinel takes it for down, ms. Without it a busy machine costs nobody a
   * failover: only `failOver` does.
   */
  readonly downAfterMs?: number;
  /** More arguments for each server, or for a sentinel that is started by itself. */
  readonly args?: readonly string[];
  /** More lines for the configuration of each sentinel. */
  readonly config?: readonly string[];
  /** What the sentinels themselves need to be let in, where the servers ask for it. */
  readonly password?: string;
}

/** A master, its replicas, and sentinels that watch over them: real ones, all on this machine. */
export interface SentinelGroup {
  /** As REDIS_URL has it, with all sentinels. */
  readonly url: string;
  readonly name: string;
  /** The first one was the master at the beginning. */
  readonly servers: readonly RedisServer[];
  readonly sentinels: readonly RedisServer[];
  /** Whom most of the sentinels name. Rejects while no two of them agree. */
  master(): Promise<RedisServer>;
  /** Resolves with the new master when all sentinels that run name one that is not `old`. */
  untilMasterIsNot(old: RedisServer): Promise<RedisServer>;
  /** As an operator asks for it: resolves when a sentinel has begun. The old master lives on and takes writes for a while. */
  failOver(): Promise<void>;
  /** From now on no replica gets what is written: that will be lost with the next failover. */
  detachReplicas(): Promise<void>;
  /** Resolves when `server` is a replica that has all that the master has. */
  untilReplica(server: RedisServer): Promise<void>;
  /** One answer of one server or sentinel. */
  ask(server: RedisServer, command: string, ...args: string[]): Promise<unknown>;
  /** Idempotent. */
  stop(): Promise<void>;
}

/** Resolves when all sentinels know all servers and each other. */
export async function startSentinelGroup(options: SentinelGroupOptions = {}): Promise<SentinelGroup> {
  const { replicas = 2 } = options;
  // Else a replica that comes waits some seconds for others that might come too.
  const args = [...(options.args ?? []), '--repl-diskless-sync-delay', '0'];
  const servers: RedisServer[] = [];
  const sentinels: RedisServer[] = [];
  const group = new LocalGroup(servers, sentinels, options.password);
  try {
    const master = await startRedis({ args });
    servers.push(master);
    const replicaof = ['--replicaof', '127.0.0.1', `${master.port}`];
    servers.push(...(await inParallel(replicas, () => startRedis({ args: [...args, ...replicaof] }))));
    await Promise.all(servers.slice(1).map((server) => group.untilReplica(server)));
    sentinels.push(...(await inParallel(SENTINELS, () => startSentinel(master.port, { ...options, args: [] }))));
    await group.hurry();
    await group.untilComplete();
    return group;
  } catch (error) {
    await group.stop();
    throw error;
  }
}

/** One sentinel that watches over the master at `port`. */
export function startSentinel(port: number, options: SentinelGroupOptions = {}): Promise<RedisServer> {
  const { downAfterMs = 120_000, args = [], config = [], password } = options;
  const lines = [
    `sentinel monitor ${NAME} 127.0.0.1 ${port} ${QUORUM}`,
    `sentinel down-after-milliseconds ${NAME} ${downAfterMs}`,
    // Twice this is how long after a failed attempt the next one comes.
    `sentinel failover-timeout ${NAME} 4000`,
    `sentinel parallel-syncs ${NAME} 8`,
    ...(password === undefined ? [] : [`sentinel auth-pass ${NAME} ${password}`]),
    ...config,
  ];
  return startRedis({ config: `${lines.join('\n')}\n`, args: ['--sentinel', ...args] });
}

class LocalGroup implements SentinelGroup {
  readonly name = NAME;
  readonly servers: readonly RedisServer[];
  readonly sentinels: readonly RedisServer[];
  readonly #password: string | undefined;

  constructor(servers: readonly RedisServer[], sentinels: readonly RedisServer[], password: string | undefined) {
    this.servers = servers;
    this.sentinels = sentinels;
    this.#password = password;
  }

  get url(): string {
    return `redis-sentinel://${this.sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',')}/${NAME}`;
  }

  async master(): Promise<RedisServer> {
    const named = (await this.#named()).sort((a, b) => a - b);
    // Of three, two that agree are in the middle.
    const port = named.find((one, index) => one === named[index + 1]);
    const server = this.servers.find((one) => one.port === port);
    if (!server) throw new Error(`The sentinels name ${named.join(', ') || 'nobody'}.`);
    return server;
  }

  async untilMasterIsNot(old: RedisServer): Promise<RedisServer> {
    await until('another master', async () => {
      const named = await this.#named();
      const agree = named.length >= QUORUM && named.every((port) => port === named[0]);
      if (!agree) throw new Error(`the sentinels name ${named.join(', ')}`);
      return named[0] !== old.port;
    });
    return await this.master();
  }

  async failOver(): Promise<void> {
    // One that was away, or has just seen the last failover, may know of nobody whom it would choose.
    await until('a failover', async () => {
      for (const sentinel of this.sentinels) {
        if ((await this.ask(sentinel, 'SENTINEL', 'FAILOVER', NAME)) === 'OK') return true;
      }
      return false;
    });
  }

  async detachReplicas(): Promise<void> {
    await this.#untilSettled();
    const master = await this.master();
    const others = this.servers.filter((server) => server !== master && server.pid !== null);
    const offset = await this.#offset(master, 'master_repl_offset');
    await Promise.all(
      others.map((server) =>
        until('a replica to catch up', async () => (await this.#offset(server, 'slave_repl_offset')) >= offset),
      ),
    );
    await Promise.all(others.map((server) => this.ask(server, 'REPLICAOF', 'NO', 'ONE')));
  }

  async untilReplica(server: RedisServer): Promise<void> {
    await until('the replica to follow', async () => {
      const info = String(await this.ask(server, 'INFO', 'replication'));
      if (info.includes('role:slave') && info.includes('master_link_status:up')) return true;
      throw new Error(info.replaceAll(/\s+/g, ' ').slice(0, 200));
    });
  }

  async hurry(): Promise<void> {
    // A sentinel that was stopped for a while does nothing for as long as it takes itself for out of its mind.
    const periods = ['info-period', PERIOD_MS, 'publish-period', PERIOD_MS, 'tilt-period', PERIOD_MS];
    await Promise.all(this.sentinels.map((sentinel) => this.ask(sentinel, 'SENTINEL', 'DEBUG', ...periods)));
  }

  async untilComplete(): Promise<void> {
    const state = new RegExp(
      `name=${NAME},status=ok,address=[^,]*,slaves=${this.servers.length - 1},sentinels=${this.sentinels.length}\\b`,
    );
    const knowsAll = async (sentinel: RedisServer): Promise<boolean> =>
      state.test(String(await this.ask(sentinel, 'INFO', 'sentinel')));
    await Promise.all(this.sentinels.map((sentinel) => until('a sentinel to know all', () => knowsAll(sentinel))));
  }

  ask(server: RedisServer, command: string, ...args: string[]): Promise<unknown> {
    return this.#ask(server, ANSWER_MS, command, ...args);
  }

  async #ask(server: RedisServer, commandTimeout: number, command: string, ...args: string[]): Promise<unknown> {
    const redis = new Redis(server.port, '127.0.0.1', {
      retryStrategy: () => null,
      enableReadyCheck: false,
      maxRetriesPerRequest: 0,
      commandTimeout,
      ...(this.#password === undefined || this.sentinels.includes(server) ? {} : { password: this.#password }),
    });
    // Who asks is told.
    redis.on('error', () => {});
    try {
      return await redis.call(command, ...args);
    } finally {
      redis.disconnect();
    }
  }

  async stop(): Promise<void> {
    await Promise.all([...this.sentinels, ...this.servers].map((server) => server.stop()));
  }

  async #offset(server: RedisServer, name: string): Promise<number> {
    const info = String(await this.ask(server, 'INFO', 'replication'));
    return Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1] ?? Number.NaN);
  }

  /** Else a sentinel that has last seen a server as a master would at once make it a replica again. */
  async #untilSettled(): Promise<void> {
    await until('all sentinels to see replicas', async () => {
      const answers = await Promise.all(this.sentinels.map((one) => this.ask(one, 'SENTINEL', 'REPLICAS', NAME)));
      const replicas = answers.flatMap((answer) => (Array.isArray(answer) ? answer.map(String) : []));
      const settled = replicas.filter((one) => one.includes(',flags,slave,') && one.includes(',role-reported,slave,'));
      if (settled.length === this.sentinels.length * (this.servers.length - 1)) return true;
      throw new Error(`${settled.length} of ${replicas.length} are`);
    });
  }

  /** The ports of the masters that the sentinels name that answer. */
  async #named(): Promise<number[]> {
    const running = this.sentinels.filter(({ pid }) => pid !== null);
    const answers = await Promise.all(
      running.map((one) =>
        this.#ask(one, SENTINEL_ANSWER_MS, 'SENTINEL', 'GET-MASTER-ADDR-BY-NAME', NAME).catch(() => null),
      ),
    );
    return answers.flatMap((answer) => (Array.isArray(answer) ? [Number(answer[1])] : []));
  }
}

function inParallel<T>(count: number, start: () => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: count }, start));
}

/** What `holds` rejects with is no answer, and told in the end. */
async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  let failure: unknown = null;
  for (;;) {
    try {
      if (await holds()) return;
      failure = null;
    } catch (error) {
      failure = error;
    }
    if (performance.now() > deadline)
      throw new Error(`Waited ${PATIENCE_MS} ms for ${what}${failure === null ? '' : `: ${String(failure)}`}.`);
    await delay(LOOK_MS);
  }
}
