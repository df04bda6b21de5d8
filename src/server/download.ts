export interface DownloadBounds {
  /** The most that the text may have, as UTF-8 and out of whatever compression. */
  readonly maxBytes: number;
  /** The most that it may take, from the call to the last byte. */
  readonly timeoutMs: number;
  /** Gives up when it is aborted. */
  readonly signal: AbortSignal;
}

/**
 * The text at an http: or https: address. Rejects with an Error whose message says in a few words for an operator why
 * there is none, without the address. Redirects are not followed: who is at the address decides what is there, not where else.
 */
export async function downloadText(url: string, { maxBytes, timeoutMs, signal }: DownloadBounds): Promise<string> {
  const giveUp = new AbortController();
  const abort = (): void => giveUp.abort();
  const timer = setTimeout(abort, timeoutMs);
  signal.addEventListener('abort', abort);
  if (signal.aborted) abort();
  try {
    const headers = { accept: 'application/jwk-set+json, application/json' };
    const response = await fetch(url, { headers, redirect: 'manual', signal: giveUp.signal });
    if (response.status !== 200) {
      giveUp.abort();
      throw new Unfit(`the answer has the status ${response.status}`);
    }
    return await readText(response, maxBytes);
  } catch (error) {
    if (error instanceof Unfit) throw error;
    if (giveUp.signal.aborted)
      throw new Error(signal.aborted ? 'it was given up' : `it took longer than ${timeoutMs} ms`);
    throw new Error(reasonOf(error));
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
    giveUp.abort();
  }
}

/** What came is not what was asked for. */
class Unfit extends Error {}

async function readText(response: Response, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.byteLength;
    if (length > maxBytes) throw new Unfit(`the answer is longer than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** `fetch` says why it failed by the innermost cause: by a code of the system as a rule, else in words. */
function reasonOf(error: unknown): string {
  let reason = 'it failed';
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const code = 'code' in cause && typeof cause.code === 'string' && !cause.code.startsWith('UND_') ? cause.code : '';
    reason = code || cause.message || reason;
  }
  return reason;
}
