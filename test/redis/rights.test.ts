import { readdirSync, readFileSync } from 'node:fs';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RedisFriendGraph } from '../../src/friends/redis/graph.ts';
import { openRedis, type RedisConnection } from '../../src/redis/connection.ts';
import { NEEDED_COMMANDS } from '../../src/redis/rights.ts';
import { RedisPresenceStore } from '../../src/store/redis/redis-presence-store.ts';
import { friendGraphContract } from '../contract/friend-graph.ts';
import { presenceStoreContract } from '../contract/presence-store.ts';
import { quiet } from '../support/quiet.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';

/** The rule, as the documentation has it. */
const [RULE = ''] = /^ACL SETUSER rollcall .*$/m.exec(readFileSync('docs/redis.md', 'utf8')) ?? [];

let server: RedisServer;
let operator: Redis;

beforeAll(async () => {
  server = await startRedis();
  operator = new Redis(server.url);
  operator.on('error', () => {});
  const [command = '', ...args] = RULE.replace('PASSWORD', 'pass').split(' ');
  await operator.call(command, ...args);
});
afterAll(async () => {
  operator?.disconnect();
  await server?.stop();
});

test('the rule allows what is checked at the start, and INFO, and nothing else', () => {
  const allowed = [...RULE.matchAll(/ \+(\S+)/g)].map(([, command = '']) => command.toUpperCase());
  expect(allowed).toEqual([...NEEDED_COMMANDS, 'INFO'].sort());
  expect(RULE).toContain(' resetkeys ~rollcall:* resetchannels &rollcall:* nocommands +');
});

test('every command of every script is checked at the start', () => {
  const scripts = ['src/redis/lua', 'src/store/redis/lua', 'src/friends/redis/lua'].flatMap((folder) =>
    readdirSync(folder).map((name) => readFileSync(`${folder}/${name}`, 'utf8')),
  );
  const used = scripts.flatMap((script) =>
    [...script.matchAll(/redis\.p?call\('(\w+)'/g)].map(([, command = '']) => command),
  );
  expect(used.length).toBeGreaterThan(20);
  expect(NEEDED_COMMANDS).toEqual(expect.arrayContaining(used));
});

/** Two nodes who may do what the rule allows. */
async function connect(): Promise<readonly [RedisConnection, RedisConnection]> {
  const url = server.url.replace('//', '//rollcall:pass@');
  const connections = [openRedis(url, { logger: quiet }), openRedis(url, { logger: quiet })] as const;
  await Promise.all(connections.map((connection) => connection.whenReady()));
  return connections;
}

presenceStoreContract('redis with the narrowest rule', async () => {
  await operator.flushall();
  const connections = await connect();
  const [here, there] = [
    new RedisPresenceStore(connections[0], { logger: quiet }),
    new RedisPresenceStore(connections[1], { logger: quiet }),
  ];
  await Promise.all([here.start(), there.start()]);
  return {
    here,
    there,
    close: async () => {
      await Promise.all([here.close(), there.close()]);
      await Promise.all(connections.map((connection) => connection.close()));
    },
  };
});

friendGraphContract('redis with the narrowest rule', async () => {
  const connections = await connect();
  const [here, there] = [new RedisFriendGraph(connections[0]), new RedisFriendGraph(connections[1])];
  return {
    here,
    there,
    close: async () => {
      await Promise.all([here.close(), there.close()]);
      await Promise.all(connections.map((connection) => connection.close()));
    },
  };
});
