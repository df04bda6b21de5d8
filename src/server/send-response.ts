import type { ServerResponse } from 'node:http';

/**
 * Writes what GraphQL answered, at the pace at which the client takes it. Resolves when all is written or the client
 * has gone; then the answer's source has been told to stop. Rejects when the source fails. `preamble` goes
 * before all else of the body.
 */
export async function sendResponse(answer: Response, response: ServerResponse, preamble = ''): Promise<void> {
  if (response.destroyed) {
    await answer.body?.cancel();
    return;
  }
  response.statusCode = answer.status;
  for (const [name, value] of answer.headers) response.setHeader(name, value);
  if (!answer.body) {
    response.end();
    return;
  }
  if (preamble !== '') response.write(preamble);
  const reader = answer.body.getReader();
  const gone = (): void => void reader.cancel().catch(() => undefined);
  response.once('close', gone);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done || response.destroyed) break;
      if (!response.write(value)) await writable(response);
    }
    response.end();
  } finally {
    response.off('close', gone);
  }
}

/** Resolves when more can be written, or never will be. */
function writable(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done);
      response.off('close', done);
      resolve();
    };
    response.on('drain', done);
    response.on('close', done);
  });
}
