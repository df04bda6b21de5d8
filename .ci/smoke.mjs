// The built product starts by itself on a free port, says where, is ready, answers a query, and stops when asked to.
import { spawn } from 'node:child_process';

const LIMIT_MS = 30_000;

const server = spawn(process.execPath, ['dist/cli/main.js', 'serve'], {
  env: { ...process.env, PORT: '0', DRAIN_MS: '0' },
  stdio: ['ignore', 'pipe', 'pipe'],
});
process.on('exit', () => server.kill('SIGKILL'));
const exited = new Promise((resolve) => {
  server.once('error', (error) => resolve(error.message));
  server.once('exit', (code, signal) => resolve(signal ?? code));
});
const watchdog = setTimeout(() => fail(`not done within ${LIMIT_MS} ms`), LIMIT_MS);

let output = '';
const address = new Promise((resolve) => {
  for (const stream of [server.stdout, server.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output += text;
      const found = /http:\/\/(?:127\.0\.0\.1|localhost):(?!0\b)\d+(?=\D)/.exec(output);
      if (found) resolve(found[0]);
    });
  }
});

const url = await Promise.race([address, exited]);
if (!String(url).startsWith('http')) fail(`ended with ${url} before it said where it listens`);
await expectReady(`${url}/readyz`);

const answer = await fetch(`${url}/graphql`, {
  method: 'POST',
  headers: { 'content-type': 'application/json', authorization: 'Bearer ada' },
  body: JSON.stringify({ query: '{ viewer { id presence { status } } }' }),
}).then((response) => response.text());
const expected = JSON.stringify({ data: { viewer: { id: 'ada', presence: { status: 'OFFLINE' } } } });
if (answer !== expected) fail(`answered ${answer} instead of ${expected}`);

server.kill('SIGTERM');
const how = await exited;
if (how !== 0) fail(`ended with ${how} after SIGTERM`);
clearTimeout(watchdog);
console.log(`served on ${url}, was ready, answered, stopped`);

/** It may say where it listens a moment before it is ready. */
async function expectReady(readyz) {
  for (;;) {
    const response = await fetch(readyz);
    if (response.status === 200) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function fail(reason) {
  console.error(`${output}\nsmoke: the server ${reason}`);
  process.exit(1);
}
