import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { dial } from '../../src/redis/address-connector.ts';
import { openRedis } from '../../src/redis/connection.ts';
import { eventually } from '../contract/presence-store-setting.ts';
import { freePort, onFreePort } from '../support/port.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { startSentinel } from '../support/sentinel.ts';
import { runCommand, type ServerProcess, startProcess } from '../support/server.ts';
import { Authority, type CertificateFiles } from '../support/tls.ts';
import { keepLog } from './setting.ts';

let authority: Authority;
const closing: (() => Promise<unknown>)[] = [];

beforeAll(() => {
  authority = new Authority();
});
afterAll(() => authority?.close());
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** A server that speaks TLS on one port and plainly on another. */
function tlsRedis(files?: CertificateFiles, args: readonly string[] = []) {
  return onTlsPort(files, (tls) => startRedis({ args: [...tls, ...args] }));
}

function onTlsPort(files: CertificateFiles | undefined, start: (args: readonly string[]) => Promise<RedisServer>) {
  return onFreePort(async (port) => {
    const server = await start(authority.serverArgs(port, files));
    closing.push(() => server.stop());
    return { port, plainPort: server.port };
  });
}

async function ready(url: string): Promise<ServerProcess> {
  const server = await startProcess({ env: { REDIS_URL: url, NODE_EXTRA_CA_CERTS: authority.cert } });
  closing.push(() => server.stop());
  return server;
}

/** The first line by which a process that trusts nobody says why it waits. */
async function complaintHere(url: string): Promise<string> {
  const { logger, lines } = keepLog();
  const connection = openRedis(url, { logger });
  closing.push(() => connection.close());
  const [first] = await eventually(
    async () => lines,
    (all) => all.length > 0,
  );
  return first?.message ?? '';
}

/** The one line by which it says why it waits. */
async function complaint(url: string): Promise<string> {
  const running = runCommand(['serve'], { PORT: '0', REDIS_URL: url, NODE_EXTRA_CA_CERTS: authority.cert });
  closing.push(() => running.stop());
  const [, line = ''] = await running.says(/"level":40,[^\n]*"msg":"([^\n]*)"\}\n/);
  await running.says(/Rollcall is listening at .* and waits for Redis/);
  return line;
}

describe('rule 10.7: Redis over TLS', () => {
  test('serves, where its certificate is trusted', async () => {
    const { port } = await tlsRedis(undefined, ['--user', 'app', 'on', '>p@ss', '~*', '&*', '+@all']);
    const servers = await Promise.all([
      ready(`rediss://app:p%40ss@127.0.0.1:${port}`),
      ready(`rediss://localhost:${port}`),
    ]);
    for (const { output } of servers) expect(output()).not.toContain('its certificate');
  });

  test('serves on servers behind sentinels that speak TLS too', async () => {
    const both = ['--tls-replication', 'yes'];
    const master = await tlsRedis(undefined, both);
    const sentinel = await onTlsPort(undefined, (tls) => startSentinel(master.port, { args: [...tls, ...both] }));
    const running = await ready(`rediss-sentinel://127.0.0.1:${sentinel.port}/main`);
    expect(running.output()).toContain('Rollcall is ready');
  });

  test('a certificate of an authority that nobody knows', async () => {
    const { port } = await tlsRedis();
    expect(await complaintHere(`rediss://127.0.0.1:${port}`)).toMatch(
      /^Redis cannot be reached \(its certificate is of no authority that is trusted: [A-Z_]+; NODE_EXTRA_CA_CERTS names a file with more of them\); trying until it can$/,
    );
  });

  test('a second error of one socket, as TLS may tell of it, ends nothing', async () => {
    const stream = dial({ host: '127.0.0.1', port: await freePort() }, {});
    await new Promise((resolve) => stream.once('close', resolve));
    expect(() => stream.emit('error', new Error('tlsv1 alert decode error'))).not.toThrow();
  });

  test('a certificate for another host', async () => {
    const { port } = await tlsRedis(authority.issue({ hosts: ['redis.example'] }));
    expect(await complaint(`rediss://127.0.0.1:${port}`)).toMatch(
      /\(its certificate is for another host: .*127\.0\.0\.1/,
    );
  });

  test('a certificate that is not valid any more', async () => {
    const { port } = await tlsRedis(authority.issue({ from: new Date('2001-02-03') }));
    expect(await complaint(`rediss://127.0.0.1:${port}`)).toContain(
      '(its certificate is not valid at this time: CERT_HAS_EXPIRED)',
    );
  });

  test('a server that asks for a certificate of ours', async () => {
    const { port } = await tlsRedis(undefined, ['--tls-auth-clients', 'yes']);
    expect(await complaint(`rediss://127.0.0.1:${port}`)).toMatch(
      /\(it asks for a certificate of ours, and Rollcall has none: [A-Z0-9_]+; its tls-auth-clients has to be no or optional\)/,
    );
  });

  test('a port that does not speak TLS', async () => {
    const { plainPort } = await tlsRedis();
    expect(await complaintHere(`rediss://127.0.0.1:${plainPort}`)).toMatch(
      /^Redis cannot be reached \(its port (does|may) not speak TLS, which rediss:\/\/ asks for: [^)]+\); trying until it can$/,
    );
  });

  test('a port that speaks nothing else', async () => {
    const { port } = await tlsRedis();
    expect(await complaintHere(`redis://127.0.0.1:${port}`)).toBe(
      'Redis cannot be reached (it closes connections at once, as it does where its port is one for TLS: REDIS_URL has to begin with rediss:// then); trying until it can',
    );
  });
});
