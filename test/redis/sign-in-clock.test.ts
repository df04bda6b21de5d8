import { SignJWT } from 'jose';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { type ServerProcess, startProcess } from '../support/server.ts';

const SECRET = 'thirty-two bytes at the very least';
const HOUR_MS = 3_600_000;
const SHIFTED_CLOCK = new URL('../support/shifted-clock.mjs', import.meta.url);

let redis: RedisServer;
let server: ServerProcess | null = null;
beforeEach(async () => {
  redis = await startRedis();
});
afterEach(async () => {
  await server?.stop();
  await redis.stop();
});

test.each([
  ['ahead', HOUR_MS],
  ['behind', -HOUR_MS],
])("rule 14.9: a node whose own clock is an hour %s judges tokens by the store's", async (_, shiftMs) => {
  const env = {
    REDIS_URL: redis.url,
    JWT_SECRET: SECRET,
    NODE_OPTIONS: `--import=${SHIFTED_CLOCK}`,
    TEST_CLOCK_SHIFT_MS: `${shiftMs}`,
  };
  server = await startProcess({ env });
  const told = async (claims: object): Promise<string> => {
    const token = await new SignJWT({ sub: 'ada', ...claims })
      .setProtectedHeader({ alg: 'HS256' })
      .sign(new TextEncoder().encode(SECRET));
    const response = await fetch(`${server?.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify({ query: '{ viewer { id } }' }),
    });
    const { data, errors } = (await response.json()) as {
      data?: { viewer: { id: string } };
      errors?: { message: string }[];
    };
    return errors?.[0]?.message ?? `${data?.viewer.id}`;
  };
  const nowS = Math.floor(Date.now() / 1_000);
  expect(await told({ exp: nowS + 600, nbf: nowS - 600 })).toBe('ada');
  expect(await told({ exp: nowS - 600 })).toBe('The token has expired.');
  expect(await told({ exp: nowS + 600, nbf: nowS + 300 })).toBe('The token is not valid yet.');
});
