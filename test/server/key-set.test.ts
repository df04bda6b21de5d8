import { generateKeyPairSync } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import type { JWK } from 'jose';
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { openSignIn, type SignIn } from '../../src/server/auth.ts';
import {
  COOLDOWN_MS,
  FETCH_TIMEOUT_MS,
  KEEP_MS,
  LAST_RETRY_MS,
  MAX_SET_BYTES,
  REFRESH_MS,
} from '../../src/server/key-set.ts';
import { answerText, answerWith, JwksServer, newSigner, type Signer } from '../support/jwks-server.ts';
import { freePort } from '../support/port.ts';
import { quiet } from '../support/quiet.ts';
import { outcomeOf } from './sign-in-outcome.ts';

const NOW = Date.UTC(2040, 0, 1);
const CLAIMS = { sub: 'ada', exp: NOW / 1_000 + 1 };
const UNAVAILABLE = 'UNAVAILABLE: The keys that tokens are checked with are out of reach; try again.';
const BAD_SIGNATURE = 'UNAUTHENTICATED: The signature of the token is not valid.';

let old: Signer;
let next: Signer;
let stranger: Signer;
let jwks: JwksServer;
let signIn: SignIn;
/** What an operator would read. */
let log: string[];

beforeAll(async () => {
  [old, next, stranger] = await Promise.all([newSigner('old'), newSigner('next', 'RS256'), newSigner('stranger')]);
});
beforeEach(async () => {
  // Sockets are none of these: what goes over them takes its time, while the hours of the key set take none.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  log = [];
  jwks = await JwksServer.start(answerWith([old.jwk]));
});
afterEach(async () => {
  signIn.close();
  vi.useRealTimers();
  await jwks.close();
});

function open(url = jwks.url): SignIn {
  const note = (_: object, line: string): void => void log.push(line);
  const key = { kind: 'jwks', url } as const;
  const config = { mode: 'jwt', key, issuer: null, audience: null } as const;
  signIn = openSignIn(config, { now: () => NOW }, { ...quiet, info: note, warn: note, error: note });
  return signIn;
}

/** Resolves as soon as it is so; the test's time-out says when it never is. */
async function until(so: () => boolean): Promise<void> {
  while (!so()) await new Promise((resolve) => setImmediate(resolve));
}

/** Steps in which time passes: shorter than what a fetch may take, so that those under way are answered in between. */
const STEP_MS = 4_000;

/** Lets so much time pass, and whatever is asked for meanwhile be answered. */
async function pass(ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= STEP_MS) {
    await vi.advanceTimersByTimeAsync(Math.min(left, STEP_MS));
    await jwks.idle();
  }
  // What it was asked in the last step may have come to it only now.
  await jwks.idle();
}

/** Lets time pass until somebody can sign in again. */
async function mended(): Promise<void> {
  while (!signIn.ready()) await pass(1_000);
}

const as = async (signer: Signer, header?: Record<string, unknown>) =>
  outcomeOf(signIn.authenticate(await signer.sign(CLAIMS, header)));

describe('rotation', () => {
  test('rule 14.4: the first token of a key that is not known has the set fetched, and is accepted', async () => {
    open();
    expect(await as(old)).toBe('ada');
    expect(jwks.asked).toBe(1);
    jwks.serve(old, next);
    await pass(COOLDOWN_MS);
    expect(await as(next)).toBe('ada');
    expect(await as(old)).toBe('ada');
    expect(jwks.asked).toBe(2);
  });

  test('rule 14.4: strangers have it fetched once in ten seconds, however many they are', async () => {
    open();
    expect(await as(old)).toBe('ada');
    await pass(COOLDOWN_MS);
    const strangers = Array.from({ length: 200 }, (_, index) => as(stranger, { kid: `kid ${index}` }));
    expect(new Set(await Promise.all(strangers))).toEqual(new Set([BAD_SIGNATURE]));
    expect(jwks.asked).toBe(2);
    expect(await as(stranger)).toBe(BAD_SIGNATURE);
    await pass(COOLDOWN_MS - 1);
    expect(await as(stranger)).toBe(BAD_SIGNATURE);
    expect(jwks.asked).toBe(2);
    await pass(1);
    expect(await as(stranger)).toBe(BAD_SIGNATURE);
    expect(jwks.asked).toBe(3);
  });

  test('rule 14.4: a key that is withdrawn counts no more after five minutes, for tokens accepted before either', async () => {
    open();
    const token = await old.sign(CLAIMS);
    expect(await outcomeOf(signIn.authenticate(token))).toBe('ada');
    jwks.serve(next);
    await pass(REFRESH_MS);
    expect(jwks.asked).toBe(2);
    expect(await as(next)).toBe('ada');
    expect(await outcomeOf(signIn.authenticate(token))).toBe(BAD_SIGNATURE);
  });

  test('a token need not name its key, whether there are several of them or the only one was replaced', async () => {
    const twin = await newSigner('twin');
    jwks.serve(old, twin);
    open();
    expect(await as(twin, { kid: undefined })).toBe('ada');
    expect(await as(old, { kid: undefined })).toBe('ada');
    await pass(COOLDOWN_MS);
    jwks.serve(stranger);
    expect(await as(stranger, { kid: undefined })).toBe('ada');
    expect(jwks.asked).toBe(2);
  });

  test('a thousand who sign in at the start wait for one fetch', async () => {
    open();
    const token = await old.sign(CLAIMS);
    const all = Array.from({ length: 1_000 }, () => outcomeOf(signIn.authenticate(token)));
    expect(new Set(await Promise.all(all))).toEqual(new Set(['ada']));
    expect(jwks.asked).toBe(1);
  });
});

describe('a key that cannot be used harms no other', () => {
  test.each<[what: string, jwk: () => JWK]>([
    ['too short', () => generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' }) as JWK],
    ['private', () => generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' }) as JWK],
    ['symmetric', () => ({ kty: 'oct', k: Buffer.alloc(64, 1).toString('base64url') })],
    ['no key', () => ({ kty: 'RSA', n: 'AQ', e: 'AQ' })],
    ['of a kind unknown', () => ({ kty: 'LATTICE' })],
    ['nothing at all', () => ({}) as JWK],
  ])('one that is %s', async (_, jwk) => {
    const bad = await newSigner('bad', 'RS256');
    jwks.behaviour = answerWith([{ ...jwk(), kid: 'bad' }, old.jwk]);
    open();
    expect(await as(bad)).toMatch(/^UNAUTHENTICATED: The (?:signature of the )?token is /);
    expect(await as(old)).toBe('ada');
  });
});

describe('a set that cannot be had', () => {
  const endless = { written: 0 };
  const bad: [what: string, why: string, Parameters<typeof JwksServer.start>[0], passMs?: number][] = [
    ['is an error', 'status 500', answerText('{"keys":[]}', 500)],
    ['is not there', 'status 404', answerText('', 404)],
    ['is elsewhere', 'status 302', (response) => response.writeHead(302, { location: '/keys?again' }).end()],
    ['is empty', 'not JSON', answerText('')],
    ['is a page', 'not JSON', answerText('<!doctype html><title>Sign in</title>')],
    ['is no set', 'not a JSON Web Key Set', answerText('{}')],
    ['is null', 'not a JSON Web Key Set', answerText('null')],
    ['has no list', 'not a JSON Web Key Set', answerText('{"keys":{}}')],
    ['has no keys but numbers', 'not a JSON Web Key Set', answerText('{"keys":[1]}')],
    ['holds no key', 'holds no key', answerText('{"keys":[]}')],
    [
      'is cut off',
      'other side closed',
      (response) => response.writeHead(200).write('{"keys":[', () => response.destroy()),
    ],
    ['is too long', 'longer than 262144 bytes', answerText(`{"keys":[],"x":"${'x'.repeat(MAX_SET_BYTES)}"}`)],
    [
      'is a bomb',
      'longer than 262144 bytes',
      (response) =>
        response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(50_000_000, ' '))),
    ],
    [
      'never ends',
      'longer than 262144 bytes',
      (response) => {
        endless.written = 0;
        const more = (): void => {
          while (!response.destroyed && response.write(' '.repeat(65_536))) endless.written += 65_536;
        };
        response.on('drain', more);
        more();
      },
    ],
    ['is never begun', 'took longer than 5000 ms', () => {}, FETCH_TIMEOUT_MS],
    [
      'comes a byte at a time',
      'took longer than 5000 ms',
      (response) => {
        const timer = setInterval(() => response.write(' '), 5);
        response.on('close', () => clearInterval(timer));
      },
      FETCH_TIMEOUT_MS,
    ],
  ];

  test.each(bad)(
    'rule 14.5: since it %s: signing in is UNAVAILABLE, the log says why, and it is mended',
    async (...row) => {
      const [, why, behaviour, passMs = 0] = row;
      jwks.behaviour = behaviour;
      open();
      const asked = as(old);
      await until(() => jwks.asked === 1);
      await vi.advanceTimersByTimeAsync(passMs);
      expect(await asked).toBe(UNAVAILABLE);
      expect(signIn.ready()).toBe(false);
      // Nobody waits for what is known not to be there.
      expect(await as(old)).toBe(UNAVAILABLE);
      expect(log).toEqual([
        expect.stringMatching(
          `^The key set at 127\\.0\\.0\\.1:\\d+ cannot be fetched \\(.*${why}.*\\); nobody can sign in\\.$`,
        ),
      ]);
      expect(endless.written).toBeLessThan(16_777_216);

      jwks.serve(old);
      await mended();
      expect(await as(old)).toBe('ada');
      expect(log.at(-1)).toMatch(/^The key set at .* can be fetched again\.$/);
    },
  );

  test.each(bad)(
    'rule 14.5: since it %s: the keys known stay good, and others are neither accepted nor refused',
    async (...row) => {
      const [, , behaviour, passMs = 0] = row;
      open();
      expect(await as(old)).toBe('ada');
      jwks.behaviour = behaviour;
      await pass(COOLDOWN_MS);
      const asked = as(next);
      await until(() => jwks.asked === 2);
      await vi.advanceTimersByTimeAsync(passMs);
      expect(await asked).toBe(UNAVAILABLE);
      expect(await as(old)).toBe('ada');
      expect(signIn.ready()).toBe(true);
    },
  );

  test('rule 14.5: for an hour, and then no more, for tokens accepted before either', async () => {
    open();
    const token = await old.sign(CLAIMS);
    expect(await outcomeOf(signIn.authenticate(token))).toBe('ada');
    jwks.behaviour = answerText('', 503);
    await pass(KEEP_MS - 1);
    expect([await as(old), await outcomeOf(signIn.authenticate(token)), signIn.ready()]).toEqual(['ada', 'ada', true]);
    await pass(1);
    expect([await as(old), await outcomeOf(signIn.authenticate(token)), signIn.ready()]).toEqual([
      UNAVAILABLE,
      UNAVAILABLE,
      false,
    ]);
    expect(log.at(-1)).toMatch(/cannot be fetched .*; those known are good for \d+ min more\.$/);
    await pass(LAST_RETRY_MS);
    expect(log.at(-1)).toMatch(/cannot be fetched .*; nobody can sign in\.$/);
    // At first, about every five minutes, and in the end: not with each attempt.
    expect(log.length).toBeLessThan(jwks.asked / 20);
    jwks.serve(old);
    await mended();
    expect([await as(old), await outcomeOf(signIn.authenticate(token))]).toEqual(['ada', 'ada']);
  });

  test('rule 14.5: a server that is not there is asked at most every ten seconds, whoever comes', async () => {
    const port = await freePort();
    await jwks.close();
    open(`http://127.0.0.1:${port}/keys`);
    expect(await as(old)).toBe(UNAVAILABLE);
    expect(log).toEqual([expect.stringMatching(/cannot be fetched \(ECONNREFUSED\); nobody can sign in/)]);
    jwks = await JwksServer.start(answerText('', 503), port);
    await pass(600_000);
    // 60, and some more at the beginning.
    expect(jwks.asked).toBeGreaterThan(40);
    expect(jwks.asked).toBeLessThan(70);
    const asked = jwks.asked;
    await Promise.all(Array.from({ length: 100 }, () => as(old)));
    expect(jwks.asked).toBe(asked);
  });

  test('who waits for keys when it is closed is told so', async () => {
    jwks.behaviour = () => {};
    open();
    const asked = as(old);
    await until(() => jwks.asked === 1);
    signIn.close();
    expect(await asked).toBe(UNAVAILABLE);
    expect(log).toEqual([]);
  });

  test('once it is closed the keys known go on being good, and others are looked for no more', async () => {
    open();
    expect(await as(old)).toBe('ada');
    await pass(COOLDOWN_MS);
    signIn.close();
    jwks.serve(old, next);
    expect(await as(old)).toBe('ada');
    expect(await as(next)).toBe(UNAVAILABLE);
    expect(jwks.asked).toBe(1);
  });
});
