import { readdirSync, readFileSync } from 'node:fs';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openRedis, type RedisConnection } from '../../src/redis/connection.ts';
import { NEEDED_COMMANDS } from '../../src/redis/rights.ts';
import { friendGraphContract } from '../contract/friend-graph.ts';
import { presenceStoreContract } from '../contract/presence-store.ts';
import { twoGraphs, twoStores } from '../contract/two-nodes.ts';
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

test('rule 10.7: the rule allows what is checked at the start, and INFO, and nothing else', () => {
  const allowed = [...RULE.matchAll(/ \+(\S+)/g)].map(([, command = '']) => command.toUpperCase());
  expect(allowed).toEqual([...NEEDED_COMMANDS, 'INFO'].sort());
  expect(RULE).toContain(' resetkeys ~rollcall:* resetchannels &rollcall:* nocommands +');
});

test('rule 10.7: every command of every script is checked at the start', () => {
  const scripts = ['src/redis/lua', 'src/store/redis/lua', 'src/friends/redis/lua'].flatMap((folder) =>
    readdirSync(folder).map((name) => readFileSync(`${folder}/${name}`, 'utf8')),
  );
  const used = scripts.flatMap((script) =>
    [...script.matchAll(/redis\.p?call\('(\w+)'/g)].map(([, command = '']) => command),
  );
  expect(used.length).toBeGreaterThan(20);
  expect(NEEDED_COMMANDS).toEqual(expect.arrayContaining(used));
});

/** A node that may do what the rule allows. */
function connect(): RedisConnection {
  return openRedis(server.url.replace('//', '//rollcall:pass@'), { logger: quiet });
}

presenceStoreContract('redis with the narrowest rule', async () => {
  await operator.flushall();
  return twoStores(connect);
});

friendGraphContract('redis with the narrowest rule', () => twoGraphs(connect));
