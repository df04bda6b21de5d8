// The floor: no protocol, no store, no sign-in. A change comes in as text and its bytes go to each socket that watches.
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { createInterface } from 'node:readline';
import { type WebSocket, WebSocketServer } from 'ws';

/** Prepared bytes are a text all the same; `send` takes them a little faster than a string. */
const TEXT = { binary: false };

/** Each user's friends, by id. */
const friends = new Map<string, string[]>();
/** Who is connected and watches this user. */
const watching = new Map<string, Set<WebSocket>>();
/** Each user's newest state, as text. */
const states = new Map<string, string>();

for (const line of readFileSync(process.env['FRIENDS_FILE'] ?? '', 'utf8').split('\n')) {
  const [a, b] = line.split(' ');
  if (a === undefined || b === undefined) continue;
  listOf(a).push(b);
  listOf(b).push(a);
}

const sockets = new WebSocketServer({ port: 0, host: '127.0.0.1', clientTracking: false });
sockets.on('connection', (socket, request) => {
  const userId = request.url?.slice('/?'.length) ?? '';
  socket.on('message', () => {
    const roster: string[] = [];
    for (const friend of listOf(userId)) {
      watchersOf(friend).add(socket);
      roster.push(states.get(friend) ?? '');
    }
    socket.send(`[${roster.join(',')}]`);
  });
  socket.on('close', () => {
    for (const friend of listOf(userId)) watching.get(friend)?.delete(socket);
  });
  socket.send('welcome');
});

/** One change a line: the user's id, a blank, the text to send. Each is answered with a line. */
const commands = createTcpServer((connection) => {
  createInterface({ input: connection }).on('line', (line) => {
    const blank = line.indexOf(' ');
    const userId = line.slice(0, blank);
    const text = line.slice(blank + 1);
    states.set(userId, text);
    const audience = watching.get(userId);
    const prepared = Buffer.from(text);
    if (audience) for (const socket of audience) socket.send(prepared, TEXT);
    connection.write('\n');
  });
});

commands.listen(0, '127.0.0.1', () => {
  const port = (server: { address(): unknown }): number => (server.address() as AddressInfo).port;
  console.log(`commands at ${port(commands)}, listening at http://127.0.0.1:${port(sockets)}/`);
});
process.once('SIGTERM', () => process.exit(0));

function listOf(userId: string): string[] {
  const known = friends.get(userId);
  if (known) return known;
  const list: string[] = [];
  friends.set(userId, list);
  return list;
}

function watchersOf(userId: string): Set<WebSocket> {
  const known = watching.get(userId);
  if (known) return known;
  const set = new Set<WebSocket>();
  watching.set(userId, set);
  return set;
}
