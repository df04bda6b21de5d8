/** Between these, in milliseconds, a client is advised to wait before it asks again for a stream that broke off. */
const RETRY_MS = { least: 1_000, most: 3_000 };

/** Whether an answer is a stream of Server-Sent Events. */
export function isEventStream(headers: Headers): boolean {
  return headers.get('content-type')?.startsWith('text/event-stream') ?? false;
}

/** Has every event go through at once: no cache may keep it, no proxy may hold it back to compress or gather it. */
export function prepareEventStream(headers: Headers): void {
  headers.set('cache-control', 'no-store, no-transform');
  // nginx, and what follows it.
  headers.set('x-accel-buffering', 'no');
  // There is no coding of the name `none`, and the connection is not the stream's business.
  headers.delete('content-encoding');
  headers.delete('connection');
}

/** Each client is told another time, so that those of a node that died do not all come back at once. */
export function retryAdvice(): string {
  const { least, most } = RETRY_MS;
  return `retry: ${Math.round(least + Math.random() * (most - least))}\n\n`;
}
