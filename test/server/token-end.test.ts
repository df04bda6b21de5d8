import { SignJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { RunningServer } from '../../src/server/server.ts';
import { callAtTokenEnd, MAX_OVERTIME_MS } from '../../src/server/token-end.ts';
import { MonotonicClock } from '../../src/store/monotonic-clock.ts';
import { startInProcess } from '../support/server.ts';
import { type Close, RawSocket } from './raw-socket.ts';

const SECRET = 'thirty-two bytes at the very least';
const HOUR_MS = 3_600_000;
const WATCH = 'subscription { viewer { id } }';

beforeEach(() => {
  // The clock of the embedded engine is made of the last two. Sockets take the time they take.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'], now: Date.UTC(2040, 0, 1) });
});
afterEach(() => void vi.useRealTimers());

const token = (expiresAt: number, sub = 'ada'): Promise<string> =>
  new SignJWT({ sub, exp: expiresAt / 1_000 }).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.from(SECRET));

test('rule 14.6: what one moment has opened ends one by one, none before the end, none later than the overtime', () => {
  const clock = new MonotonicClock();
  const endedAt = (leftMs: number): number[] => {
    const expiresAt = clock.now() + leftMs;
    const ended: number[] = [];
    for (let index = 0; index < 2_000; index++) {
      callAtTokenEnd({ userId: `${index}`, admin: false, expiresAt }, clock, () => ended.push(clock.now() - expiresAt));
    }
    vi.advanceTimersByTime(leftMs + MAX_OVERTIME_MS);
    return ended;
  };
  for (const [leftMs, overtimeMs] of [
    [24 * HOUR_MS, 30_000],
    [HOUR_MS, 30_000],
    [60_000, 3_000],
    [2_000, 100],
  ] as const) {
    const ended = endedAt(leftMs);
    expect(ended).toHaveLength(2_000);
    expect(Math.min(...ended)).toBeGreaterThanOrEqual(0);
    // Timers fire in whole milliseconds.
    expect(Math.max(...ended)).toBeLessThanOrEqual(overtimeMs + 1);
    const tenths = Array.from({ length: 10 }, (_, tenth) => {
      const within = ended.filter((at) => Math.floor((at * 10) / (overtimeMs + 1)) === tenth);
      return within.length;
    });
    // 200 are due to each.
    expect(Math.max(...tenths)).toBeLessThan(300);
    expect(Math.min(...tenths)).toBeGreaterThan(100);
  }
});

test('what has ended by itself before is not ended again, and what never ends is not', () => {
  const clock = new MonotonicClock();
  const end = vi.fn();
  callAtTokenEnd({ userId: 'ada', admin: false, expiresAt: clock.now() + 60_000 }, clock, end)?.cancel();
  callAtTokenEnd({ userId: 'ada', admin: false, expiresAt: null }, clock, end)?.cancel();
  vi.advanceTimersByTime(10 * HOUR_MS);
  expect(end).not.toHaveBeenCalled();
});

describe('on a server', () => {
  const SOCKETS = 60;
  let server: RunningServer;
  let expiresAt: number;
  const sockets: RawSocket[] = [];
  /** How many have been closed, and with what, as they are told of it. */
  const closes: Close[] = [];

  beforeEach(async () => {
    server = await startInProcess({ JWT_SECRET: SECRET });
    await until(() => server.lacks() === null);
    expiresAt = Date.now() + HOUR_MS;
    const tokens = await Promise.all(Array.from({ length: SOCKETS }, (_, index) => token(expiresAt, `user ${index}`)));
    sockets.push(...(await Promise.all(tokens.map((text) => RawSocket.greeted(server.url, text)))));
    closes.length = 0;
    for (const socket of sockets) {
      void socket.onClose().then((close) => closes.push(close));
    }
  });
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.terminate();
    vi.useRealTimers();
    await server.close();
  });

  /** Resolves as soon as it is so; the test's time-out says when it never is. */
  async function until(so: () => boolean): Promise<void> {
    while (!so()) {
      await vi.advanceTimersByTimeAsync(0);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** What one side knows to be closed is closed for the other too. Either may be told first. */
  async function told(): Promise<void> {
    let open: number;
    do {
      const response = await fetch(`${server.url}/metrics`);
      open = Number(/^rollcall_connections\{transport="websocket"\} (\d+)$/m.exec(await response.text())?.[1]);
    } while (closes.length !== SOCKETS - open);
  }

  test('rule 14.6: sockets are closed with 4403, spread over the overtime, and none stays open', async () => {
    await vi.advanceTimersByTimeAsync(expiresAt - 1 - Date.now());
    await told();
    expect(closes).toHaveLength(0);
    const counts: number[] = [];
    for (let step = 1; step <= 10; step++) {
      await vi.advanceTimersByTimeAsync(expiresAt + (MAX_OVERTIME_MS * step) / 10 - Date.now());
      await told();
      counts.push(closes.length);
    }
    await vi.advanceTimersByTimeAsync(1);
    await until(() => closes.length === SOCKETS);
    expect(new Set(closes.map(({ code, reason }) => `${code} ${reason}`))).toEqual(
      new Set(['4403 The token has expired.']),
    );
    // 6 are due to each tenth.
    expect(new Set(counts).size).toBeGreaterThan(5);
  });

  test('rule 14.6: with a token that has ended nothing is begun, on an open socket either', async () => {
    const [socket, other] = sockets;
    // Closed by its own time at the end of the overtime at the latest; this one is asked right after the end.
    await vi.advanceTimersByTimeAsync(expiresAt - Date.now());
    await told();
    const still = [socket, other, ...sockets].find((candidate) => candidate?.open);
    still?.ask('1', '{ viewer { id } }');
    expect(await still?.onClose()).toEqual({ code: 4403, reason: 'The token has expired.' });
    expect(still?.heard).not.toContainEqual(expect.objectContaining({ type: 'next' }));
  });

  test('rule 14.6: nor is what is known already, and answered on the short way', async () => {
    const SET = 'mutation { setCustomStatus(input: { text: "too late" }) { viewer { id } } }';
    const [socket] = sockets;
    const begun = async (): Promise<string | undefined> => {
      const response = await fetch(`${server.url}/metrics`);
      const line = /^rollcall_operations_total\{transport="websocket",type="mutation"\} (\d+)$/m;
      return line.exec(await response.text())?.[1];
    };
    // Read the first time, on the short way from then on.
    for (const id of ['read', 'known']) {
      socket?.ask(id, SET);
      expect(await socket?.hear(id)).toMatchObject({ type: 'next' });
      expect(await socket?.hear(id)).toEqual({ id, type: 'complete' });
    }
    expect(await begun()).toBe('2');
    await vi.advanceTimersByTimeAsync(expiresAt - Date.now());
    await told();
    const still = sockets.find((candidate) => candidate.open);
    // It asks for nothing.
    still?.say({ type: 'ping' });
    expect(await still?.hear()).toEqual({ type: 'pong' });
    still?.ask('late', SET);
    expect(await still?.onClose()).toEqual({ code: 4403, reason: 'The token has expired.' });
    expect(still?.heard).toEqual([]);
    expect(await begun()).toBe('2');
  });

  test('rule 14.6: streams over SSE break off within the same time, and requests are refused from the end on', async () => {
    const authorization = `Bearer ${await token(expiresAt)}`;
    const ask = (accept: string, query: string): Promise<Response> =>
      fetch(`${server.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept, authorization },
        body: JSON.stringify({ query }),
      });
    const stream = await ask('text/event-stream', WATCH);
    let text = '';
    const ended = (async () => {
      for await (const chunk of stream.body ?? []) text += Buffer.from(chunk).toString();
    })().then(
      () => 'ended',
      (error: Error) => error.message,
    );
    await until(() => text.includes('event: next'));
    await vi.advanceTimersByTimeAsync(expiresAt - 1 - Date.now());
    expect(await (await ask('application/json', '{ viewer { id } }')).json()).toEqual({
      data: { viewer: { id: 'ada' } },
    });
    await vi.advanceTimersByTimeAsync(1);
    expect(await (await ask('application/json', '{ viewer { id } }')).json()).toMatchObject({
      errors: [{ message: 'The token has expired.', extensions: { code: 'UNAUTHENTICATED' } }],
    });
    await vi.advanceTimersByTimeAsync(MAX_OVERTIME_MS + 1);
    expect(await ended).toBe('terminated');
    expect(text).not.toContain('event: complete');
  });
});
